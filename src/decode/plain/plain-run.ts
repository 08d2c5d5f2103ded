import type { ForwardResult } from "../../engine/types.ts";
import { rowExperts } from "../../sparsity/row.ts";
import type { Piece } from "../generation.ts";
import { logprobsOf } from "../sampling/logprobs.ts";
import { Run } from "./run.ts";

/** One token a forward call. */
export class PlainRun extends Run {
  async *pieces(): AsyncGenerator<Piece, void, void> {
    if (this.aborted()) return;
    const sequence = this.reserve();
    let id = await this.prefill(sequence);
    while (id !== undefined) {
      yield this.accept(id, this.told);
      if (this.output.finish !== undefined) return;
      if (this.pacer.due) await this.pacer.pause();
      if (this.aborted()) return;
      id = this.step(sequence, id);
    }
  }

  protected override choose(result: ForwardResult, row: number): number {
    const { logprobs } = this.options;
    const id = super.choose(result, row);
    if (this.tracing || logprobs !== undefined) {
      this.told = {
        ...(this.tracing && { experts: rowExperts(result.activeExperts, this.model.config.layers, result.rows, result.rows - 1) }),
        ...(logprobs !== undefined && { logprobs: result.withLogits(row, (logits) => logprobsOf(logits, id, logprobs)) }),
      };
    }
    return id;
  }
}
