// Metadata keys of packed files.
export const VERSION = "blockffn.version";
export const CONFIG = "blockffn.config";
/** The chat template and its tokens, as JSON. */
export const CHAT_TEMPLATE = "blockffn.chat_template";
/** What the chat template writes around contents, as JSON: `ChatRoles`. */
export const CHAT_ROLES = "blockffn.chat_roles";
/** How answers are drawn by default, as JSON. */
export const GENERATION = "blockffn.generation";
/** What the file says of its EAGLE head. */
export const DRAFT = "blockffn.draft";
/** The format that is written. */
export const FORMAT_VERSION = "3";
/** Of formats 1 and 2. */
export const LAYOUT = "blockffn.layout";
export const QUANTIZATION = "blockffn.quantization";
