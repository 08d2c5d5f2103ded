import { FiniteSearch, finitePart } from "../../core/finite";
import { WeightPlan } from "../../core/plan";
import { finiteFloats, finiteScales } from "../../assembly/kernels";
import { fail, failed } from "../failure";

/** Looks for NaN and infinity in the weights (core/finite.ts). Fails naming the tensor. */
export function checkWeights(plan: WeightPlan, weights: f64): void {
  const search = new KernelSearch();
  for (let i = 0; i < plan.parts.length && !failed(); i++) {
    const part = plan.parts[i];
    if (!finitePart(search, part, weights + part.offset)) fail("holds NaN or infinite weights", part.name);
  }
}

class KernelSearch extends FiniteSearch {
  floats(address: f64, count: f64): bool {
    return finiteFloats(<usize>address, <i32>count) !== 0;
  }

  scales(address: f64, panels: f64, panelSize: f64, groups: f64, stride: i32): bool {
    return finiteScales(<usize>address, <i32>panels, <i32>panelSize, <i32>groups, stride) !== 0;
  }
}
