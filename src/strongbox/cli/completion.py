"""Scripts that complete this command in a shell, made from the parser that reads it."""

from __future__ import annotations

import argparse
import sys

from .parser import COMMANDS, build_parser

__all__ = ["completion_script", "run"]

BASH = """\
_strongbox() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" options=""
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands} --help --version" -- "$word"))
    elif [ "${{word#-}}" != "$word" ]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _strongbox strongbox
"""

ZSH = """\
#compdef strongbox
autoload -U +X bashcompinit && bashcompinit
"""


def run(arguments: argparse.Namespace) -> int:
    """Print the script for one shell."""
    sys.stdout.write(completion_script(arguments.shell))
    return 0


def completion_script(shell: str) -> str:
    """The script for ``bash``, ``zsh`` or ``fish``."""
    options = {name: _options(name) for name in COMMANDS}
    if shell == "fish":
        return _fish(options)
    cases = "\n".join(f'        {name}) options="{" ".join(given)}" ;;' for name, given in options.items())
    return (ZSH if shell == "zsh" else "") + BASH.format(cases=cases, commands=" ".join(COMMANDS))


def _fish(options: dict[str, list[str]]) -> str:
    lines = ["complete -c strongbox -n __fish_use_subcommand -l help", "complete -c strongbox -l version"]
    for name, summary in COMMANDS.items():
        lines.append(f"complete -c strongbox -n __fish_use_subcommand -a {name} -d '{summary}'")
        for option in options[name]:
            lines.append(f"complete -c strongbox -n '__fish_seen_subcommand_from {name}' -l {option.lstrip('-')}")
    return "\n".join(lines) + "\n"


def _options(command: str) -> list[str]:
    """The long options of one command; argparse offers no public way to ask for them."""
    parser = build_parser()
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    actions = commands.choices[command]._actions
    return [option for action in actions for option in action.option_strings if option.startswith("--")]
