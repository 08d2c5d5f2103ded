import { ConfigError, UsageError } from "../../errors.ts";
import type { LoadedModel } from "../../engine/types.ts";
import type { Drafter } from "../drafters/drafter.ts";
import { EagleDrafter, type EagleDrafterOptions } from "../drafters/eagle.ts";
import { ModelDrafter } from "../drafters/model.ts";
import { NgramDrafter } from "../drafters/ngram.ts";
import { vocabularyDifference } from "../drafters/vocabulary.ts";
import { CostGuard } from "../guard/guard.ts";
import { GuardCosts } from "../guard/costs.ts";
import type { ResolvedOptions } from "../options.ts";
import { logitShare } from "../pass-weight.ts";
import { FixedPolicy, type Policy } from "../guard/policy.ts";
import { SIZES } from "../guard/tuning.ts";

/** Who drafts in a generation, and who decides when. */
export interface Speculation {
  readonly drafters: readonly Drafter[];
  readonly policy: Policy;
  /** What the guard has measured; undefined without one. */
  readonly costs?: GuardCosts;
}

/** Most nodes that a drafter asks for by itself. */
export const MOST_DRAFT_NODES = Math.max(EagleDrafter.NODES, ModelDrafter.NODES, NgramDrafter.NODES);

/** What was measured of each model, for its next generations. */
const known = new WeakMap<LoadedModel, GuardCosts>();

/**
 * Checks that a model can speculate as it is asked to.
 * @throws UsageError for `eagle` without a head or `model` without a draft model; ConfigError for a draft model of another vocabulary.
 */
export function checkSpeculation(model: LoadedModel, { speculate, draftModel }: ResolvedOptions): void {
  if (speculate === "eagle" && model.hasDraftHead !== true) {
    throw new UsageError(`is eagle, but ${model.name} carries no EAGLE head; make one that does with convert --draft`, {
      field: "speculate",
    });
  }
  if (speculate === "model" && draftModel === undefined)
    throw new UsageError("is model, which needs a draft model", { field: "speculate" });
  if (draftModel === undefined) return;
  const wrong = vocabularyDifference(draftModel, model);
  if (wrong !== undefined)
    throw new ConfigError(`cannot draft for ${model.name}: ${wrong}; a draft model needs the same tokenizer`, {
      file: draftModel.name,
      field: "draftModel",
    });
}

/** Makes the drafters that the options ask for. The model can do it (`checkSpeculation`). @throws MemoryError when memory cannot grow. */
export function openSpeculation(model: LoadedModel, options: ResolvedOptions, capacity: number): Speculation {
  const { speculate, draftModel, draftTokens, kept } = options;
  if (speculate !== "auto") {
    const drafter =
      speculate === "eagle"
        ? eagle(model, capacity, { gaps: kept !== undefined })
        : speculate === "model"
          ? new ModelDrafter(draftModel!, model, capacity, { kept: kept?.draftOf(draftModel!) })
          : new NgramDrafter();
    return { drafters: [drafter], policy: new FixedPolicy(drafter, draftTokens) };
  }
  // These take no memory before they are asked.
  const drafters: Drafter[] = [new NgramDrafter()];
  if (model.hasDraftHead === true) drafters.push(eagle(model, capacity, { lazy: true }));
  if (draftModel !== undefined)
    drafters.push(new ModelDrafter(draftModel, model, capacity, { lazy: true, kept: kept?.draftOf(draftModel) }));
  const costs = knownCosts(model);
  const sizes = SIZES.filter((size) => draftTokens === undefined || size <= draftTokens);
  return { drafters, policy: new CostGuard({ drafters, sizes, costs, logitShare: logitShare(model.config) }), costs };
}

/** What guards have measured of a model. */
export function knownCosts(model: LoadedModel): GuardCosts {
  let costs = known.get(model);
  if (costs === undefined) known.set(model, (costs = new GuardCosts()));
  return costs;
}

function eagle(model: LoadedModel, capacity: number, options: Pick<EagleDrafterOptions, "lazy" | "gaps">): EagleDrafter {
  return new EagleDrafter(model.draftHead!(), { capacity, scaled: true, ...options });
}
