"""Lines for a person. Names and paths are printed as they are, never read as markup."""

from rich.console import Console


def say(line: str, *, stderr: bool = False) -> None:
    """Print one line, however long, without what would steer the terminal."""
    console = Console(stderr=stderr, soft_wrap=True, highlight=False, emoji=False)
    console.print(printable(line), markup=False)


def printable(text: str) -> str:
    """Return the text with a space for each control character and undecodable byte."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
