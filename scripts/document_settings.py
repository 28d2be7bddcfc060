"""Generate the tables of docs/settings.md, and local.settings.sample.json, from the code.

    python scripts/document_settings.py [--check]

Only the text between the markers of docs/settings.md is replaced. --check writes nothing and exits with 1 if
one of the files is out of date.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from runs.run_settings import RUN_SETTINGS, Setting  # noqa: E402 - the path comes first
from runs.settings import APP_SETTINGS  # noqa: E402
from touchdown.local.func_settings import sample  # noqa: E402

DOCUMENT = ROOT / "docs" / "settings.md"
SAMPLE = ROOT / "local.settings.sample.json"


def table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '\\|') for cell in line)} |" for line in lines)


def code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def run_settings() -> str:
    return table(
        ["setting", "app setting", "default", "owner", "meaning", "allowed values"],
        [
            [
                code(each.name),
                code(each.variable),
                code(str(each.default)),
                owner(each),
                each.meaning,
                allowed(each),
            ]
            for each in RUN_SETTINGS.values()
        ],
    )


def owner(setting: Setting) -> str:
    """Whose decision a setting is and, if it is policy, which values are tighter."""
    return setting.owner if setting.tighter is None else f"{setting.owner}; tighter: {setting.tighter.words}"


def allowed(setting: Setting) -> str:
    """What a value may be, and which app setting limits it further."""
    limits = [f"at most `TOUCHDOWN_{setting.cap.upper()}`"] if setting.cap else []
    limits += [f"see `TOUCHDOWN_{setting.choices.upper()}`"] if setting.choices else []
    return "; ".join([setting.type.expected, *limits])


def app_settings() -> str:
    return table(
        ["app setting", "default", "meaning"],
        [
            [
                code(each.variable),
                "**required**" if each.default is None else code(each.default),
                each.meaning,
            ]
            for each in APP_SETTINGS
        ],
    )


def filled(text: str) -> str:
    """`text` with its tables generated anew. Raises ValueError if a marker is missing."""
    for name, content in {"run settings": run_settings(), "app settings": app_settings()}.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, ends, after = rest.partition(end)
        if not (found and ends):
            raise ValueError(f"{DOCUMENT}: the markers {begin} and {end} are expected")
        text = f"{before}{begin}\n{content}\n{end}{after}"
    return text


def main() -> int:
    wanted = {
        DOCUMENT: filled(DOCUMENT.read_text()),
        SAMPLE: json.dumps(sample(), indent=2) + "\n",
    }
    stale = [file for file, text in wanted.items() if not file.exists() or file.read_text() != text]
    if "--check" in sys.argv:
        for file in stale:
            print(f"{file.relative_to(ROOT)} is out of date: run python scripts/document_settings.py")
        return 1 if stale else 0
    for file in stale:
        file.write_text(wanted[file])
    return 0


if __name__ == "__main__":
    sys.exit(main())
