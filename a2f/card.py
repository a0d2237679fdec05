"""The model card: what a saved model is, what it learned from, how well it does and what it must not be used for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from a2f.errors import BadInput

FACTS = {
    "name": "title of the card",
    "model_id": "what to give to a2f.load: demo, a folder or a hub name",
    "summary": "what it is, in a few sentences",
    "license": "a licence's identifier on the hub, such as mit",
    "language": "code of the language or languages it was trained on",
    "tags": "further tags",
    "synthetic": "true where voices, faces and motion are synthetic",
    "data": "what it learned from: {voices: ..., faces: ..., motion: ...}",
    "training": "settings of the training: {name: value}",
    "model": "settings of the model: {name: value}",
    "limits": "what it cannot do, a list of sentences",
}
_TAGS = ("audio-to-face", "face-animation", "blendshapes", "a2f")
_ROW = {"quantity", "value", "interval", "demand", "holds", "detail"}

_USE = """```python
import a2f
a2f.animate(["speech.wav"], "films", checkpoint={source})  # films/speech.mp4 and films/speech.npz
animator = a2f.load({source}{download})  # or face by face: animator(waveform, template, style)
```

On the command line: `a2f animate speech.wav --out films --checkpoint {shell}`. A sound of any rate comes in; vertices
of the model's own topology come out, at {fps} frames a second, with the blendshape basis and weights behind them."""

_MISUSE = """Do not use it to make anyone appear to say what they did not say, nor to deceive, harass or defraud. Have
the consent of the person whose voice or likeness is used. Label what it makes as generated wherever it is shown."""

_CITATION = """The method is that of the paper below; this model is not by its authors.

```bibtex
@inproceedings{wu2023speech,
  title     = {Speech-Driven 3D Face Animation with Composite and Regional Facial Movements},
  author    = {Wu, Haozhe and Zhou, Songtao and Jia, Jia and Xing, Junliang and Wen, Qi and Wen, Xiang},
  booktitle = {Proceedings of the 31st ACM International Conference on Multimedia},
  year      = {2023},
  doi       = {10.1145/3581783.3611775}
}
```"""


def model_card(facts: Mapping[str, Any], evaluation: Mapping[str, Any] | None = None) -> str:
    """Return the README.md of a saved model, with the front matter that model hubs read.

    Parameters
    ----------
    facts : mapping
        What `FACTS` lists; only ``name`` must be there. What is not stated is said to be not stated.
    evaluation : mapping, optional
        ``{"about": str, "rows": [{"quantity", "value", "interval": [lo, hi] or None, "demand", "holds", "detail"}]}``;
        of a row only the quantity and its value must be there.

    Raises
    ------
    BadInput
        On an unknown fact, a missing name or a malformed row.
    """
    unknown = sorted(set(facts) - set(FACTS))
    if unknown:
        raise BadInput(f"a model card has no fact called {unknown[0]!r}; there are {', '.join(FACTS)}")
    if not isinstance(facts.get("name"), str) or not facts["name"].strip():
        raise BadInput(f"a model card needs a name, {facts.get('name')!r} was given")
    source = facts.get("model_id", "path/to/this/folder")
    use = _USE.format(
        source=json.dumps(source),
        shell=source,
        download=", download=True" if "/" in source and source == facts.get("model_id") else "",
        fps=facts.get("model", {}).get("fps", "its own rate of"),
    )
    parts = [
        _front_matter(facts),
        f"# {facts['name']}\n\n{facts.get('summary', _summary(facts))}",
        f"## How to use it\n\n{use}",
        f"## What it learned from\n\n{_data(facts)}",
        f"## Settings\n\n{_settings(facts)}",
        f"## How well it does\n\n{_results(evaluation)}",
        f"## Limits\n\n{_list(facts.get('limits', ('Not stated by whoever made this model.',)))}",
        f"## Misuse\n\n{_MISUSE}",
        f"## Citation\n\n{_CITATION}",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(facts: Mapping[str, Any]) -> str:
    """Return the YAML between two rules; JSON scalars and lists are YAML too, and quote what must be quoted."""
    fields = {"library_name": "a2f", "tags": [*_TAGS, *(tag for tag in facts.get("tags", ()) if tag not in _TAGS)]}
    fields |= {key: facts[key] for key in ("license", "language") if key in facts}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in sorted(fields.items())]
    return "\n".join(["---", *lines, "---"])


def _summary(facts: Mapping[str, Any]) -> str:
    return (
        "Speech in, a moving 3D face out: a model of a2f, with the composite and regional facial movements of Wu et "
        "al. (MM '23). Licence: " + facts.get("license", "not stated") + "."
    )


def _data(facts: Mapping[str, Any]) -> str:
    parts = [f"- **{key}**: {text}" for key, text in facts.get("data", {}).items()]
    if facts.get("synthetic"):
        parts.insert(0, "All of it is **synthetic**: no person was recorded for it, and none is shown.\n")
    return "\n".join(parts).rstrip() or "Not stated by whoever made this model."


def _settings(facts: Mapping[str, Any]) -> str:
    rows = [(part, key, value) for part in ("model", "training") for key, value in facts.get(part, {}).items()]
    if not rows:
        return "Not stated; `config.json` holds them."
    lines = [f"| {part} | {_cell(key)} | {_cell(value)} |" for part, key, value in rows]
    return "\n".join(["| of the | setting | value |", "|---|---|---|", *lines])


def _results(evaluation: Mapping[str, Any] | None) -> str:
    if evaluation is None:
        return "Not measured: no evaluation was stored with this model."
    rows = evaluation.get("rows")
    if not isinstance(rows, list) or not rows:
        raise BadInput("an evaluation holds a list of rows under 'rows', at least one")
    lines = ["| quantity | value | interval | demand | holds | detail |", "|---|---|---|---|---|---|"]
    for row in rows:
        if not isinstance(row, Mapping) or not {"quantity", "value"} <= set(row) <= _ROW:
            raise BadInput(f"a row of an evaluation is {row!r}; it holds {', '.join(sorted(_ROW))}")
        interval = row.get("interval")
        if interval is not None and len(interval) != 2:
            raise BadInput(f"the interval of {row['quantity']!r} is {interval!r}, expected [low, high] or null")
        shown = "" if interval is None else f"{_cell(interval[0])} to {_cell(interval[1])}"
        holds = {True: "yes", False: "**no**", None: ""}[row.get("holds")]
        cells = (row["quantity"], row["value"], shown, row.get("demand"), holds, row.get("detail"))
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    about = evaluation.get("about")
    return "\n".join([f"{about}\n", *lines] if about else lines)


def _list(sentences: Any) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
