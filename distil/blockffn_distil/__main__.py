"""python -m blockffn_distil write|train|eagle|export RUN.yaml, each also under torchrun."""

import argparse
import sys

import torch

from .config import read_config
from .errors import DistilError
from .parallel import Processes
from .run import Run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m blockffn_distil", description="Turn a dense Llama into a BlockFFN.")
    parser.add_argument(
        "command",
        choices=["write", "train", "eagle", "export"],
        help="write: the teacher writes the text; train: fit, distil and export; eagle: a draft head; export: the last checkpoint's model",
    )
    parser.add_argument("run", help="YAML file of the run (distil/README.md)")
    options = parser.parse_args(arguments)
    processes = None
    try:
        config = read_config(options.run)
        torch.set_float32_matmul_precision("high" if config["precision"] == "bf16" else "highest")
        processes = Processes()
        run = Run(config, options.run, processes)
        say = print if processes.first else lambda *_: None
        if options.command == "write":
            run.write(say)
        elif options.command == "train":
            from .train import train

            train(run)
        elif options.command == "eagle":
            from .eagle import train_eagle

            say(f"wrote {train_eagle(run)}")
        if options.command in ("train", "export") and processes.first:
            from .export import export

            say(f"wrote {export(run)}")
        return 0
    except DistilError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if processes is not None:
            processes.close()


if __name__ == "__main__":
    sys.exit(main())
