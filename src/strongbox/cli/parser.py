"""What the command line takes, and what it says of itself; nothing is done here.

:func:`build_parser` is also what the command reference of the documentation is made from.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import _version
from .checkpoints.parser import DESCRIPTION as CHECKPOINTS
from .checkpoints.parser import EPILOG as CHECKPOINTS_EPILOG
from .checkpoints.parser import add_actions
from .limits import add_limit_option

__all__ = ["COMMANDS", "build_parser", "nearest"]

PROGRAM = "strongbox"
EXIT_CODES = "exit status: 0 done, 2 not readable or not understood (130 interrupted)"

DESCRIPTION = """\
Look into, check, convert, unpack and export agents of Stable-Baselines3. No code from a
file is ever executed, and neither torch nor Stable-Baselines3 is needed."""

EPILOG = """\
examples:
  strongbox inspect ppo.zip
  strongbox check downloads/
  strongbox convert old/*.zip --to new/
  strongbox extract ppo.zip --to ppo/
  strongbox export ppo.zip --to ppo.onnx
  strongbox checkpoints list runs/pendulum

strongbox COMMAND --help tells more of each command."""

INSPECT = """\
Show an agent on one page: algorithm, versions, spaces, schedules,
hyperparameters, training, networks layer by layer, optimizers, size by member,
what is not understood, and what is missing to continue training exactly. Of the
folder of a run, its checkpoints are listed, and the newest is shown.

Of a part that cannot be read the page says why, and the exit status is 2."""

INSPECT_EPILOG = """\
examples:
  strongbox inspect ppo.zip
  strongbox inspect agents/*.zip --json | jq .algorithm
  strongbox inspect runs/pendulum
  strongbox inspect ppo.zip --data observation_space
  strongbox inspect ppo.zip --data policy_kwargs --json

--json prints one object for each file, each on a line of its own (JSON Lines).
NaN and infinities stand as the texts "NaN", "Infinity" and "-Infinity".

exit status: 0 shown, 2 not readable in whole or in part"""

CHECK = """\
Check archives without trusting them: structure, checksums, digests, every
pickle's opcodes, every tensor's bounds; and say what an ordinary loader would
have called. Of a folder, every *.zip in it and below it is checked, in order;
files whose names begin with a dot are left out."""

CHECK_EPILOG = """\
examples:
  strongbox check ppo.zip
  strongbox check downloads/ --quiet
  strongbox check downloads/ --json | jq -r 'select(.exit_code > 0) | .path'

--json prints one object for each file, each on a line of its own (JSON Lines).

exit status, the highest of all files: 0 clean, 1 findings, 2 unreadable"""

CONVERT = """\
Write archives of any SB3 since 0.6 anew, as ones of today: an unmodified SB3 2.9
opens them with gymnasium alone, on Python 3.10 to 3.13, with every
hyperparameter there. Neither SB3 nor gym nor torch is needed.

Every change is told, with the reason. Statistics of VecNormalize that lie in a
file beside an archive, and are of its observations, are brought in. The old files
stay as they are; of a new one, what was there before is replaced in one step."""

CONVERT_EPILOG = """\
examples:
  strongbox convert old/*.zip --to new/
  strongbox convert ppo.zip --to new/ --normalize vecnormalize.pkl
  strongbox convert ppo.zip --to new/ --pickles none
  strongbox convert old/*.zip --to new/ --json | jq -r '.changes[].subject'

--json prints one object for each file, each on a line of its own (JSON Lines).
What is "of today" already is written all the same, and nothing in it changed.

exit status: 0 converted, 2 where a file was not readable or not written"""

DIFF = """\
Say what is different between two agents: data by name, tensors by name with how
far they moved, statistics of VecNormalize, versions, and what was learnt between
them. Tensors that changed most come first; memory does not grow with the files."""

DIFF_EPILOG = """\
examples:
  strongbox diff before.zip after.zip
  strongbox diff before.zip after.zip --json | jq '.tensors[0]'
  strongbox diff runs/a/checkpoints/000000010000 runs/a
  strongbox diff a.zip b.zip > /dev/null && echo the same agent

Of a run's folder the newest checkpoint is taken, of a checkpoint's folder its agent.
Values are compared to the last bit. How a file was written (versions, the order
of members) is shown, and makes no difference.

exit status: 0 the same agent, 1 different, 2 not readable"""

EXTRACT = """\
Unpack an archive into plain files: data as JSON, every tensor as .npy,
normalization statistics as JSON, and index.json, which says what is where.
The folder appears at once when everything is written; nothing outside of it is
touched, whatever names the archive holds."""

EXTRACT_EPILOG = """\
examples:
  strongbox extract ppo.zip --to ppo/
  python -c "import numpy; print(numpy.load('ppo/parameters/policy/action_net.weight.npy'))"

files:
  index.json                          what the archive holds, and which file has it
  data.json                           the agent's class parameters, in portable form
  parameters/STATE_DICT/TENSOR.npy    networks and optimizers; tree.json beside them has all that is no tensor
  variables/TENSOR.npy                other tensors of the agent
  normalization.json, system_info.txt where the archive has them
  resume/, replay/                    what a checkpoint has besides, where it does
  data/NAME.pickle                    pickles as they are in the file, with --raw: loading one may run code

exit status: 0 extracted, 2 not readable or not written"""

EXPORT = """\
Write what acting takes into one file of its own, told by its name:

  .onnx   the whole policy as one graph, from the raw observation to the action
  .npz    its weights and settings, for numpy
  .zip    the same as an archive

The graph holds preprocessing, normalization, the network, and clipping or
unscaling; recurrent states are inputs and outputs. Before anything is written,
what was made is run on drawn observations beside the policy itself: where it
would act otherwise (a difference over 1e-5, relative), no file is written."""

EXPORT_EPILOG = """\
examples:
  strongbox export sac.zip --to sac.onnx
  strongbox export ppo.zip --to policy.npz
  strongbox export ppo.zip --to ppo.onnx --normalize vecnormalize.pkl --output mean --output deviation

.onnx needs: pip install "strongbox[onnx]"

exit status: 0 exported, 2 not readable, not understood, or not the same"""

PLAY = """\
Let an agent act in its environment, with the numpy policy, and count what it
reaches: return and length of every episode, their mean and standard deviation.

The environment is made by gymnasium. Statistics of VecNormalize are applied to
what the agent sees; rewards are the environment's own. An agent that sees stacks
of 84x84 images gets Atari's preprocessing and whole games with unclipped scores.
An environment whose spaces are not the agent's is an error."""

PLAY_EPILOG = """\
examples:
  strongbox play ppo.zip --env CartPole-v1 --episodes 10 --seed 0
  strongbox play ppo.zip --env CartPole-v1 --render
  strongbox play ppo.zip --env CartPole-v1 --episodes 1 --video cartpole.gif
  strongbox play sac.zip --env Pendulum-v1 --normalize vecnormalize.pkl --json | jq .return.mean

The first episode begins with the seed N, the next with N + 1, and so on: the same
seed, the same returns. --env package:Name-v0 imports the package first; an id that
stands in an archive never does. Archives that Strongbox saved know their environment.

needs: pip install "strongbox[play]", for --video "strongbox[play,video]"
for Atari also: pip install ale-py opencv-python-headless

exit status: 0 played, 2 not readable, not understood, or not fitting"""

COMPLETION_EPILOG = """\
examples:
  source <(strongbox completion bash)
  strongbox completion zsh > ~/.zfunc/_strongbox
  strongbox completion fish > ~/.config/fish/completions/strongbox.fish"""

COMMANDS = {
    "inspect": "show an agent on one page",
    "check": "check archives for damage and danger",
    "convert": "bring old archives up to date",
    "diff": "say what is different between two agents",
    "extract": "unpack an archive into JSON and .npy files",
    "export": "write the smallest file that acts: ONNX, .npz or .zip",
    "play": "let an agent act in its environment",
    "checkpoints": "list, show, verify, prune and pack the checkpoints of a run",
    "completion": "print a script that completes this command in a shell",
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all errors of this program."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **keywords)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and where to read on; exit status 2."""
        self.exit(2, f"{PROGRAM}: {ascii(message)[1:-1]}. See: {self.prog} --help\n")


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line, or of ``only`` one command; ``arguments.command`` names the command.

    Each command's part takes a while to build, and whoever has named one needs no other.
    """
    parser = Parser(prog=PROGRAM, description=DESCRIPTION, epilog=f"{EPILOG}\n\n{EXIT_CODES}")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {_version.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, add in PARTS.items():
        if only in (None, name):
            add(commands)
    return parser


def nearest(name: str, names: Sequence[str]) -> str:
    """A question that names what was probably meant, or an empty string where nothing is close."""
    close = difflib.get_close_matches(name[:100], names, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def _add(commands: Any, name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=COMMANDS[name], description=description, epilog=epilog
    )
    return parser


def _add_inspect(commands: Any) -> None:
    parser = _add(commands, "inspect", INSPECT, INSPECT_EPILOG)
    parser.add_argument("files", nargs="+", metavar="FILE", help="an archive (.zip may be left out), or a run")
    parser.add_argument("--json", action="store_true", help="print the same as data")
    parser.add_argument("--data", metavar="NAME", help="print only this value of data, in full")
    parser.add_argument("--width", type=_width, metavar="N", help="columns of the page (default: the terminal's)")
    add_limit_option(parser)


def _add_check(commands: Any) -> None:
    parser = _add(commands, "check", CHECK, CHECK_EPILOG)
    parser.add_argument("paths", nargs="+", metavar="FILE|FOLDER", help="an archive, or a folder of archives")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each file")
    parser.add_argument("--quiet", action="store_true", help="print only files that are not clean, and no summary")
    parser.add_argument("--verbose", action="store_true", help="also name the harmless calls of an ordinary loader")
    add_limit_option(parser)


def _add_convert(commands: Any) -> None:
    parser = _add(commands, "convert", CONVERT, CONVERT_EPILOG)
    parser.add_argument("files", nargs="+", metavar="FILE", help="an archive; .zip may be left out")
    parser.add_argument("--to", required=True, metavar="FOLDER", help="where to; made if it is not there")
    parser.add_argument(
        "--pickles", choices=("all", "none"), default="all", help="none: no pickle in data; SB3 reads no such file"
    )
    parser.add_argument("--exclude", action="append", metavar="NAME", help="an attribute to leave out")
    statistics = parser.add_mutually_exclusive_group()
    statistics.add_argument("--normalize", metavar="FILE", help="statistics of VecNormalize (default: those beside it)")
    statistics.add_argument("--raw", action="store_true", help="leave out statistics of VecNormalize")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each file")
    add_limit_option(parser)


def _add_diff(commands: Any) -> None:
    parser = _add(commands, "diff", DIFF, DIFF_EPILOG)
    parser.add_argument("first", metavar="FILE", help="an archive, or the folder of a run or of one of its checkpoints")
    parser.add_argument("second", metavar="FILE", help="another one")
    parser.add_argument("--json", action="store_true", help="print the same as data")
    add_limit_option(parser)


def _add_extract(commands: Any) -> None:
    parser = _add(commands, "extract", EXTRACT, EXTRACT_EPILOG)
    parser.add_argument("file", metavar="FILE", help="an archive; .zip may be left out")
    parser.add_argument("--to", required=True, metavar="FOLDER", help="where to; must not exist, or be empty")
    parser.add_argument("--force", action="store_true", help="replace what an earlier extraction wrote into FOLDER")
    parser.add_argument("--raw", action="store_true", help="also write the pickles of data, as they are")
    add_limit_option(parser)


def _add_export(commands: Any) -> None:
    parser = _add(commands, "export", EXPORT, EXPORT_EPILOG)
    parser.add_argument("file", metavar="FILE", help="an archive; .zip may be left out")
    parser.add_argument("--to", required=True, metavar="FILE", help="what to write: *.onnx, *.npz or *.zip")
    statistics = parser.add_mutually_exclusive_group()
    statistics.add_argument("--normalize", metavar="FILE", help="statistics of VecNormalize (default: the archive's)")
    statistics.add_argument("--raw", action="store_true", help="leave out the archive's statistics")
    parser.add_argument(
        "--output", action="append", dest="outputs", metavar="NAME", help="one more output of an ONNX graph, by name"
    )
    parser.add_argument("--json", action="store_true", help="print the same as data")
    add_limit_option(parser)


def _add_play(commands: Any) -> None:
    parser = _add(commands, "play", PLAY, PLAY_EPILOG)
    parser.add_argument("file", metavar="FILE", help="an archive; .zip may be left out")
    parser.add_argument(
        "--env", metavar="ID", help="the environment's id, such as CartPole-v1 (default: the archive's)"
    )
    parser.add_argument("--episodes", type=_count, default=5, metavar="N", help="how many to play (default: 5)")
    parser.add_argument("--seed", type=_seed, metavar="N", help="the first episode's seed (default: a new one)")
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--render", action="store_true", help="show the environment in a window")
    seen.add_argument("--video", metavar="OUT", help="write what is seen into a video: .mp4 or .gif")
    parser.add_argument("--normalize", metavar="FILE", help="statistics of VecNormalize (default: the archive's)")
    parser.add_argument("--json", action="store_true", help="print the same as data")
    add_limit_option(parser)


def _add_completion(commands: Any) -> None:
    parser = _add(commands, "completion", f"Print {COMMANDS['completion'][6:]}.", COMPLETION_EPILOG)
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")


def _add_checkpoints(commands: Any) -> None:
    add_actions(_add(commands, "checkpoints", CHECKPOINTS, CHECKPOINTS_EPILOG))


PARTS = {
    "inspect": _add_inspect,
    "check": _add_check,
    "convert": _add_convert,
    "diff": _add_diff,
    "extract": _add_extract,
    "export": _add_export,
    "play": _add_play,
    "checkpoints": _add_checkpoints,
    "completion": _add_completion,
}
"""What builds the part of each command."""


def _width(text: str) -> int:
    width = int(text) if text.isdecimal() and len(text) < 6 else 0
    if width < 1:
        raise argparse.ArgumentTypeError(f"expected a number of columns, found {text!r}")
    return width


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() and len(text) < 8 else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected a number of episodes, found {text!r}")
    return count


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"expected a seed, 0 to 999999999, found {text!r}")
    return int(text)
