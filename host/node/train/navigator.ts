/** The autodiff library reads `navigator.userAgent`; Node has had the object since version 21 only. */
export function ensureNavigator(): void {
  if (!("navigator" in globalThis))
    Object.defineProperty(globalThis, "navigator", { value: { userAgent: `Node.js/${process.version.slice(1)}` }, configurable: true });
}
