/** One turn of a conversation. */
export interface Turn {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
}
