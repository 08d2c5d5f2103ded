import type { TrainConfig } from "../config/schema.ts";
import { targetActive } from "../config/hf.ts";
import { FactorSchedule, type FactorState } from "../objectives/factor-schedule.ts";
import { activationPercent, entropyCoefficient, followTarget } from "../objectives/sparsity-target.ts";
import { AUXILIARIES, type Auxiliary, type ObjectiveOptions } from "../objectives/total.ts";

type Objectives = TrainConfig["objectives"];
const SCHEDULED = ["chunk", "l1", "entropy"] as const;

/** What changes of the factors while a run goes on. */
export interface FactorsState {
  readonly schedules: Partial<Record<Auxiliary, FactorState>>;
  readonly balancedL1: number;
  /** Where the entropy's factor has a target. */
  readonly entropy?: number | undefined;
}

/** Of a run whose factors stay as they are. */
export const NO_FACTORS: FactorsState = { schedules: {}, balancedL1: 0 };

/** The objectives that a configuration asks for. */
export function objectiveOptions(config: TrainConfig): ObjectiveOptions {
  const { objectives } = config;
  return {
    auxiliaries: AUXILIARIES.filter((name) => objectives[name] !== undefined),
    steepness: objectives.locality?.steepness ?? 100,
    chunkLength: objectives.chunk?.length ?? 64,
    targetActive: targetActive(config.model),
    ...(objectives.balance?.toTarget === true && { balanceToTarget: true }),
  };
}

/** What each objective is multiplied by, step for step. */
export class Factors {
  readonly #objectives: Objectives;
  readonly #schedules = new Map<Auxiliary, FactorSchedule>();
  readonly #targetShare: number;
  #balancedL1: number;
  #entropy: number | undefined;

  constructor(config: TrainConfig, state?: FactorsState) {
    this.#objectives = config.objectives;
    this.#targetShare = targetActive(config.model) / config.model.experts;
    this.#balancedL1 = state?.balancedL1 ?? config.objectives.balancedL1?.weight ?? 0;
    const { entropy } = config.objectives;
    this.#entropy = entropy?.target === undefined ? undefined : (state?.entropy ?? entropy.target.resume ?? entropy.weight);
    for (const name of SCHEDULED) {
      const objective = config.objectives[name];
      if (objective?.adaptive === undefined) continue;
      this.#schedules.set(name, new FactorSchedule({ ...objective.adaptive, start: objective.weight }, state?.schedules[name]));
    }
  }

  get state(): FactorsState {
    const schedules = Object.fromEntries([...this.#schedules].map(([name, schedule]) => [name, schedule.state]));
    return { schedules, balancedL1: this.#balancedL1, ...(this.#entropy !== undefined && { entropy: this.#entropy }) };
  }

  /** In the order of AUXILIARIES. @param step from 1 */
  at(step: number): number[] {
    return AUXILIARIES.map((name) => {
      if (name === "balancedL1") return this.#balancedL1;
      if (name === "entropy" && this.#entropy !== undefined) return this.#entropy;
      return this.#schedules.get(name)?.peek(step) ?? this.#objectives[name]?.weight ?? 0;
    });
  }

  /** Takes a step's objectives (order of AUXILIARIES) and the share of active experts. */
  after(step: number, values: ArrayLike<number>, active: number): void {
    for (const [name, schedule] of this.#schedules) schedule.next(step, values[AUXILIARIES.indexOf(name)] as number, true);
    const { balancedL1: remoe, entropy: deco } = this.#objectives;
    if (remoe !== undefined) this.#balancedL1 = followTarget(this.#balancedL1, active > this.#targetShare, remoe.weight, remoe.multiplier);
    if (this.#entropy === undefined || deco?.target === undefined) return;
    this.#entropy = entropyCoefficient(this.#entropy, activationPercent(active), { floor: deco.weight, ...deco.target });
  }
}
