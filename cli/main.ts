#!/usr/bin/env node
import { runBlockffn } from "./blockffn.ts";
import { nodeIo } from "./node-io.ts";

process.exitCode = await runBlockffn(process.argv.slice(2), nodeIo);
