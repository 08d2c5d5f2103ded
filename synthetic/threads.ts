import type { ModelInstance } from "../src/engine/instance.ts";

/**
 * Has every call run on all threads, whether or not that is faster here. Where modes take turns on one model this is needed: the guard
 * judges calls by their rows alone, and would hold one mode's times against another's.
 */
export function onAllThreads<Model extends ModelInstance>(model: Model): Model {
  if (model.engine.team !== undefined) model.engine.team.always = true;
  return model;
}
