// The house's doors: which room may import which (CONTRIBUTING.md, "Where things are"). `npm run lint` checks it, type imports included.

/** Floors of src/, lowest first: a room may import itself and the rooms named. */
const FLOORS = {
  text: [],
  sparsity: [],
  architecture: [],
  format: ["architecture", "text"],
  engine: ["architecture", "text"],
  load: ["architecture", "text", "format", "engine"],
  hub: ["architecture", "text", "format", "engine", "load"],
  decode: ["architecture", "text", "sparsity", "engine"],
  chat: ["text", "engine", "decode"],
  suite: ["architecture", "text", "sparsity", "engine", "decode", "chat"],
  server: ["text", "engine", "decode", "chat"],
};
/** Files of src/ that belong to no room: the ground all stand on, and the facades above. */
const GROUND = "errors|host|options|pause|foreign";
const FACADES = { server: "model" };

const floor = (room, below) => ({
  name: `src-${room}`,
  comment: `src/${room} may import ${["itself", ...below].join(", ")}, the ground floor's files and core/.`,
  severity: "error",
  from: { path: `^src/${room}/` },
  to: {
    path: "^(src|train|host|cli|bench|synthetic|examples|standalone|assembly|core)/",
    pathNot: [
      `^src/(${[room, ...below].join("|")})/`,
      `^src/(${GROUND})\\.ts$`,
      "^core/",
      ...(FACADES[room] === undefined ? [] : [`^src/${FACADES[room]}\\.ts$`]),
    ],
  },
});

const layer = (name, path, forbidden, comment) => ({ name, comment, severity: "error", from: { path }, to: { path: forbidden } });

export default {
  forbidden: [
    {
      name: "no-circles",
      comment: "Files that import each other cannot be read one after the other.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...Object.entries(FLOORS).map(([room, below]) => floor(room, below)),
    layer("core", "^core/", "^(src|assembly|standalone|train|host|cli|bench|synthetic|examples)/", "core/ stands on nothing."),
    layer(
      "ground",
      `^src/(${GROUND})\\.ts$`,
      "^(src/(?!format/source|errors|options)|host/|cli/|bench/)",
      "The ground floor stands on nothing but the shape of a byte source.",
    ),
    layer("src", "^src/", "^(train|host|cli|bench|synthetic|examples|standalone)/", "src/ is portable: hosts bring what a runtime has."),
    layer("train", "^train/", "^(host|cli|bench|synthetic|examples|standalone)/", "The trainer is portable, too."),
    layer("host", "^host/", "^(cli|bench|synthetic|examples)/", "host/ must not know the command line."),
    layer("cli", "^cli/", "^(examples|bench|synthetic)/", "The command line needs no benchmark and no example."),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "node_modules|^dist" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs"] },
  },
};
