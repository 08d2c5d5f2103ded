import { afterAll, beforeAll, beforeEach } from "vitest";
import type * as Browser from "../../../host/browser/index.ts";
import { launchChromium, type Context, type Page } from "./chromium.ts";
import { Site } from "./site.ts";

declare global {
  /** In the page: the library. */
  var blockffn: typeof Browser;
}

export const MODEL = "/models/blockffn-nano.q8.safetensors";

/** What became of a story in the page: its text, or the library's error with its fields. */
export interface Story {
  readonly text?: string;
  readonly progress: readonly (readonly [number, number])[];
  readonly error?: { readonly name: string; readonly type: string; readonly message: string; readonly file: string | undefined };
}

/** A page with the library, new for each test of the suite that calls this. */
export class LibraryPage {
  site!: Site;
  page!: Page;
  context!: Context;
  profile!: string;

  /** @param path `/isolated` for a page that may share memory with workers */
  static inSuite(path: "/test" | "/isolated" = "/test"): LibraryPage {
    const it = new LibraryPage();
    let browser: Awaited<ReturnType<typeof launchChromium>> | undefined;
    beforeAll(async () => {
      browser = await launchChromium();
      ({ context: it.context, profile: it.profile } = browser);
      it.site = await Site.start();
    }, 120_000);
    afterAll(async () => {
      await browser?.close();
      await it.site?.stop();
    });
    beforeEach(async () => {
      it.site.requests.length = 0;
      it.site.intercept = () => false;
      await it.page?.close();
      it.page = await it.context.newPage();
      await it.open(path);
    });
    return it;
  }

  async open(path: string): Promise<void> {
    await this.page.goto(this.site.origin + path);
    await this.page.waitForFunction(() => "blockffn" in globalThis, undefined);
  }

  /** Loads a model in a worker of the page and lets it say eight tokens. */
  story(options: object = {}, location = MODEL): Promise<Story> {
    return this.page.evaluate(
      async ({ location, options }) => {
        const { loadModelInWorker, BlockFFNError } = blockffn;
        const progress: [number, number][] = [];
        try {
          const model = await loadModelInWorker(location, { ...options, onProgress: (done, total) => progress.push([done, total]) });
          const { text } = await model.generate("Tom", { maxTokens: 8 }).result();
          model.dispose();
          return { text, progress };
        } catch (error) {
          if (!(error instanceof BlockFFNError)) throw error;
          return { progress, error: { name: error.name, type: error.constructor.name, message: error.message, file: error.file } };
        }
      },
      { location, options },
    );
  }

  clear(): Promise<void> {
    return this.page.evaluate(() => blockffn.clearModelCache(), undefined);
  }

  /** Sizes of the files that the cache holds, largest first. */
  cached(): Promise<number[]> {
    return this.page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("blockffn-models", { create: true });
      const sizes: number[] = [];
      for await (const file of (folder as unknown as { values(): AsyncIterable<FileSystemFileHandle> }).values())
        sizes.push((await file.getFile()).size);
      return sizes.sort((a, b) => b - a);
    }, undefined);
  }
}
