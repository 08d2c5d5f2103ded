import type { WeightPlan } from "../../core/plan.ts";
import type { ModelConfig } from "../architecture/config.ts";
import { draftConfig, layoutDraft, type DraftLayout } from "../architecture/draft-head.ts";
import { architectureOf } from "../architecture/flat.ts";
import { DRAFT_LAYERS } from "../format/hf/tensors.ts";
import { CheckpointWeights } from "../format/hf/weights.ts";
import { packWeights, type WeightSink } from "../format/packed/pack.ts";
import type { ModelFiles } from "../format/source.ts";
import { hasRanking, openEagle } from "./eagle.ts";

/** An EAGLE head to put into the packed model. */
export interface ConvertDraft {
  /** Folder of the head: config.json, weights, and token_frequency_rank.json. */
  readonly files: ModelFiles;
  /**
   * Size of the draft vocabulary (FR-Spec), 0 for all tokens; default: a quarter of the vocabulary, or all where the folder has no
   * ranking.
   */
  readonly draftVocab?: number;
}

/** A head that is laid out behind a model's weights. Whoever opened it closes it. */
export interface OpenDraft {
  readonly layout: DraftLayout;
  /** Writes it, quantised as the model is. */
  write(put: WeightSink): Promise<void>;
  close(): Promise<void>;
}

/** Share of the vocabulary that is drafted: more tokens take more time than their drafts are worth (bench/RESULTS.md). */
const DRAFT_SHARE = 1 / 4;

/** @throws BlockFFNError subclasses for a head that is none, or is not for that model */
export async function openDraft({ files, draftVocab }: ConvertDraft, config: ModelConfig, plan: WeightPlan): Promise<OpenDraft> {
  const count = draftVocab ?? ((await hasRanking(files)) ? Math.ceil(config.vocabSize * DRAFT_SHARE) : 0);
  const eagle = await openEagle(files, config, count === 0 ? {} : { draftVocab: count });
  const layout = layoutDraft(draftConfig(eagle.config, eagle.draftTokens?.length ?? 0), plan, config);
  return {
    layout,
    async write(put) {
      const weights = new CheckpointWeights(architectureOf(eagle.config), eagle.tensors, DRAFT_LAYERS);
      await packWeights(layout.plan, weights, (offset, bytes) => put(layout.weightsAt + offset, bytes));
      if (layout.tokensAt !== undefined) await put(layout.tokensAt, littleEndian(eagle.draftTokens as Uint32Array));
    },
    close: () => eagle.tensors.close(),
  };
}

function littleEndian(values: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(4 * i, value, true));
  return bytes;
}
