"""Scripts that complete this command in a shell, made from the parser that reads it."""

from __future__ import annotations

import argparse
import sys

from .checkpoints.parser import ACTIONS
from .parser import COMMANDS, build_parser

__all__ = ["completion_script", "run"]

BASH = """\
_strongbox() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" options="" actions=""
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
    case "${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}" in
{action_cases}
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands} --help --version" -- "$word"))
    elif [ "$COMP_CWORD" -eq 2 ] && [ -n "$actions" ]; then
        COMPREPLY=($(compgen -W "$actions --help" -- "$word"))
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
    commands = _choices(build_parser())
    if shell == "fish":
        return _fish(commands)
    cases, action_cases = [], []
    for name, command in commands.items():
        actions = _choices(command)
        words = f' actions="{" ".join(actions)}"' if actions else ""
        cases.append(f'        {name}) options="{" ".join(_options(command))}"{words} ;;')
        for action, parser in actions.items():
            action_cases.append(f'        "{name} {action}") options="{" ".join(_options(parser))}" ;;')
    script = BASH.format(cases="\n".join(cases), action_cases="\n".join(action_cases), commands=" ".join(COMMANDS))
    return (ZSH if shell == "zsh" else "") + script


def _fish(commands: dict[str, argparse.ArgumentParser]) -> str:
    lines = ["complete -c strongbox -n __fish_use_subcommand -l help", "complete -c strongbox -l version"]
    for name, command in commands.items():
        lines.append(f"complete -c strongbox -n __fish_use_subcommand -a {name} -d '{COMMANDS[name]}'")
        lines += _fish_options(f"__fish_seen_subcommand_from {name}", command)
        for action, parser in _choices(command).items():
            seen = f"__fish_seen_subcommand_from {name}"
            lines.append(f"complete -c strongbox -n '{seen}' -a {action} -d '{ACTIONS[action]}'")
            lines += _fish_options(f"{seen}; and __fish_seen_subcommand_from {action}", parser)
    return "\n".join(lines) + "\n"


def _fish_options(condition: str, parser: argparse.ArgumentParser) -> list[str]:
    return [f"complete -c strongbox -n '{condition}' -l {option.lstrip('-')}" for option in _options(parser)]


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of a parser, or the actions of a command; argparse offers no public way to ask for them."""
    found = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: chosen for action in found for name, chosen in action.choices.items()}


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """The long options of a command or an action."""
    return [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
