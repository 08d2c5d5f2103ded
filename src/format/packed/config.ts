import { readArchitecture } from "../../../core/architecture.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { problemError, readFields } from "../../architecture/flat.ts";
import { ConfigError } from "../../errors.ts";

/**
 * Reads the configuration that a packed model carries: a ModelConfig as JSON.
 * @throws ConfigError naming the file and the field.
 */
export function parsePackedConfig(json: string, file: string, field: string): ModelConfig {
  const value = parseMetadata(json, file, field);
  const { problem } = readFields(value, readArchitecture);
  if (problem !== null) throw problemError(problem, file, field);
  const config = value as ModelConfig;
  return { ...config, bosTokenId: config.bosTokenId };
}

/** JSON of a metadata entry. @throws ConfigError naming the file and the field. */
export function parseMetadata(json: string, file: string, field: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new ConfigError("is not JSON", { file, field, cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ConfigError("must be a JSON object", { file, field });
  return value;
}
