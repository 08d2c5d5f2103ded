/**
 * Root of the package, which holds package.json, dist/ and models/. This module is host/package-root.ts in the sources; tsc builds it to
 * dist/host/, and scripts/build-lib.mjs into a file of the flat folder dist/lib/, both two folders below the root.
 */
export const PACKAGE_ROOT = new URL(/\.ts(\?|$)/.test(import.meta.url) ? "../" : "../../", import.meta.url);
