import type { ModelInstance } from "../../src/model/instance.ts";

/** Modes take turns on one model, and the guard judges calls by their rows alone: it would hold one mode's times against another's. */
export function onAllThreads<Model extends ModelInstance>(model: Model): Model {
  if (model.engine.team !== undefined) model.engine.team.always = true;
  return model;
}
