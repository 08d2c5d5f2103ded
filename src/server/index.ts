export { createServer, type Server } from "./server.ts";
export { originCheck, type AllowedOrigins } from "./origins.ts";
export type { RequestLog, ServerLimits, ServerOptions, ServerSpeculation } from "./options.ts";
export type { Models } from "./served.ts";
