import { connect, type Socket } from "node:net";

export interface RawClient {
  readonly socket: Socket;
  /** All that was answered so far. */
  readonly heard: () => string;
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>;
  /** Sends a piece again and again until the connection ends; the number sent so far is its argument. */
  trickle(piece: (n: number) => string, everyMs: number): void;
}

/** A client that says what it likes, byte for byte. */
export async function rawClient(port: number, text: string): Promise<RawClient> {
  const socket = connect(port, "127.0.0.1");
  let heard = "";
  socket.on("data", (data) => (heard += data.toString())).on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  if (text !== "") socket.write(text);
  return {
    socket,
    heard: () => heard,
    closed,
    trickle(piece, everyMs) {
      let n = 0;
      const timer = setInterval(() => socket.write(piece(n++)), everyMs);
      socket.once("close", () => clearInterval(timer));
    },
  };
}
