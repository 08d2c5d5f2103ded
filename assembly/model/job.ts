import { JOB_EAGLE, JOB_FFN, JOB_FORWARD, JOB_STOP, TEAM_ARGUMENTS, TEAM_IDLE, TEAM_JOB, TEAM_JOBS, TEAM_SIZE } from "../../core/layout";
import { int } from "./descriptor";
import { eaglePass } from "./eagle";
import { forwardPass } from "./forward";
import { ffnPass } from "./probe";
import { assertTeam, awaitChange, beginCall, beThread, change, end, setTeamSize, team } from "./team";

// Calls of the host that all threads run. Every such call ends with a barrier, so the host may change anything when it has returned.

/** See forward.ts. */
export function forward(model: usize, sequence: usize, n: i32, base: i32, logits: i32): void {
  run(JOB_FORWARD, model, sequence, n, base, logits, 0);
}

/** See eagle.ts. */
export function eagleForward(eagle: usize, sequence: usize, n: i32, base: i32, visible: i32, logits: i32): void {
  run(JOB_EAGLE, eagle, sequence, n, base, visible, logits);
}

/** See probe.ts. */
export function ffnBranch(model: usize, sequence: usize, n: i32, layer: i32): void {
  run(JOB_FFN, model, sequence, n, layer, 0, 0);
}

/** What a worker does with its life: the jobs of the team, until it is told to stop. `index` is its place, from 1. */
export function worker(index: i32): void {
  if (!ASC_FEATURE_THREADS) return;
  beThread(index);
  const jobs = team() + TEAM_JOBS;
  const at = team() + TEAM_ARGUMENTS;
  // Nobody can miss a job: the next one is not posted before all have met in this one.
  for (let seen = 0; ; seen++) {
    awaitChange(jobs, seen, TEAM_IDLE, false);
    const kind = int(team(), TEAM_JOB);
    if (kind === JOB_STOP) return;
    setTeamSize(int(team(), TEAM_SIZE));
    perform(kind, load<u32>(at), load<u32>(at, 4), load<i32>(at, 8), load<i32>(at, 12), load<i32>(at, 16), load<i32>(at, 20));
  }
}

/** Ends the workers, once they are done with what they do. */
export function stop(): void {
  if (!ASC_FEATURE_THREADS) return;
  store<i32>(team() + TEAM_JOB, JOB_STOP);
  change(team() + TEAM_JOBS, TEAM_IDLE);
}

function run(kind: i32, a: usize, b: usize, c: i32, d: i32, e: i32, f: i32): void {
  if (ASC_FEATURE_THREADS) post(kind, a, b, c, d, e, f);
  perform(kind, a, b, c, d, e, f);
}

function post(kind: i32, a: usize, b: usize, c: i32, d: i32, e: i32, f: i32): void {
  assertTeam();
  const size = max(1, int(team(), TEAM_SIZE));
  setTeamSize(size);
  if (size === 1) return;
  const at = team() + TEAM_ARGUMENTS;
  store<i32>(team() + TEAM_JOB, kind);
  store<u32>(at, a);
  store<u32>(at, b, 4);
  store<i32>(at, c, 8);
  store<i32>(at, d, 12);
  store<i32>(at, e, 16);
  store<i32>(at, f, 20);
  change(team() + TEAM_JOBS, TEAM_IDLE);
}

function perform(kind: i32, a: usize, b: usize, c: i32, d: i32, e: i32, f: i32): void {
  beginCall();
  if (kind === JOB_FORWARD) forwardPass(a, b, c, d, e);
  else if (kind === JOB_EAGLE) eaglePass(a, b, c, d, e, f);
  else ffnPass(a, b, c, d);
  end();
}
