import {
  JOB_EAGLE,
  JOB_FFN,
  JOB_FORWARD,
  JOB_STOP,
  TEAM_ARGUMENTS,
  TEAM_IDLE,
  TEAM_JOB,
  TEAM_JOBS,
  TEAM_SIZE,
} from "../../core/layout/team";
import { int } from "./descriptor";
import { eaglePass } from "./eagle";
import { forwardPass } from "./forward";
import { ffnPass } from "./probe";
import { assertTeam, awaitChange, beginCall, beThread, change, end, setTeamSize, team } from "../team";

// Calls of the host that all threads run. Every such call ends with a barrier, so the host may change anything when it has returned.

/** See forward.ts. */
export function forward(model: usize, n: i32, logitRows: i32, logits: usize): void {
  run(JOB_FORWARD, model, n, logitRows, logits);
}

/** See eagle.ts. */
export function eagleForward(eagle: usize, n: i32, logitRows: i32, logits: usize): void {
  run(JOB_EAGLE, eagle, n, logitRows, logits);
}

/** See probe.ts. */
export function ffnBranch(model: usize, n: i32, layer: i32): void {
  run(JOB_FFN, model, n, layer, 0);
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
    perform(kind, load<u32>(at), load<i32>(at, 4), load<i32>(at, 8), load<u32>(at, 12));
  }
}

/** Ends the workers, once they are done with what they do. */
export function stop(): void {
  if (!ASC_FEATURE_THREADS) return;
  store<i32>(team() + TEAM_JOB, JOB_STOP);
  change(team() + TEAM_JOBS, TEAM_IDLE);
}

function run(kind: i32, model: usize, n: i32, argument: i32, out: usize): void {
  if (ASC_FEATURE_THREADS) post(kind, model, n, argument, out);
  perform(kind, model, n, argument, out);
}

function post(kind: i32, model: usize, n: i32, argument: i32, out: usize): void {
  assertTeam();
  const size = max(1, int(team(), TEAM_SIZE));
  setTeamSize(size);
  if (size === 1) return;
  const at = team() + TEAM_ARGUMENTS;
  store<i32>(team() + TEAM_JOB, kind);
  store<u32>(at, model);
  store<i32>(at, n, 4);
  store<i32>(at, argument, 8);
  store<u32>(at, out, 12);
  change(team() + TEAM_JOBS, TEAM_IDLE);
}

function perform(kind: i32, model: usize, n: i32, argument: i32, out: usize): void {
  beginCall();
  if (kind === JOB_FORWARD) forwardPass(model, n, argument, out);
  else if (kind === JOB_EAGLE) eaglePass(model, n, argument, out);
  else ffnPass(model, n, argument);
  end();
}
