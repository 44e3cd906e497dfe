"""The reference: a page for every room of the package, of the keys of scenes and of the command line, from what they say.

Pages are made when the site is built (`mkdocs build --strict`), by the hooks at the end, and are nowhere else:

    pip install ".[docs]" && mkdocs serve

Written out for those who read them as text: `python docs/reference.py FOLDER`.
"""

import ast
import collections
import functools
import importlib
import inspect
import pathlib
import re
import sys


ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = "reference"
EQUATION = re.compile(r"[=→≈∝≤]|∫|Σ|∂")


def rooms() -> list[str]:
    """Return the public modules, the package itself first."""
    import simphys

    return ["", *sorted(simphys._ROOMS)]


@functools.cache
def names_of(room: str) -> dict[str, str]:
    """Return the public names of a room, {name: private module it is from}, in the order in which they are exported."""
    path, found = ["simphys", *([room] if room else [])], {}
    for node in ast.walk(ast.parse((ROOT.joinpath(*path) / "__init__.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            home = ".".join([*path[: len(path) + 1 - node.level], node.module])
            found |= {a.name: home for a in node.names if a.asname == a.name and not a.name.startswith("_")}
    return found


def module_of(room: str):
    """Return a room."""
    return importlib.import_module(f"simphys.{room}" if room else "simphys")


@functools.cache
def homes() -> dict[str, str]:
    """Return where each name stands, {name: address}; not those that several rooms have."""
    found: dict[str, str] = {}
    for room in rooms()[1:]:
        for name in names_of(room):
            found[name] = "" if name in found else f"{room}.md#{name}"
    return {name: address for name, address in found.items() if address}


def pages() -> dict[str, str]:
    """Return the pages of the reference, {file: text}."""
    made = {f"{room or 'simphys'}.md": room_page(room) for room in rooms()}
    return {"index.md": index_page(), **made, "scene_keys.md": keys_page(), "command_line.md": command_page()}


def room_page(room: str) -> str:
    """Return the page of a room: what stands in one private module belongs together."""
    module, lines = module_of(room), []
    lines += [f"# {module.__name__}", "", rendered(inspect.getdoc(module) or "")]
    if not room:
        also = ", ".join(f"[`{name}`]({homes()[name]})" for name in names_of(room) if name in homes())
        frozen = [name for name in names_of(room) if name not in homes()]
        return "\n".join(
            [*lines, "", f"Named here as well: {also}.", "", *(part for n in frozen for part in entry(module, n))]
        )
    families: dict[str, list[str]] = {}
    for name, home in names_of(room).items():
        families.setdefault(home, []).append(name)
    for home, names in families.items():
        title = first_line(importlib.import_module(home), fallback=home.rpartition(".")[2].strip("_"))
        if len(families) > 1:
            lines += ["", f"## {title.rstrip('.')}"]
        for name in names:
            lines += entry(module, name)
    return "\n".join(lines) + "\n"


def entry(module, name: str) -> list[str]:
    """Return what is said of a public name: how it is called, what it is, its parts."""
    thing = getattr(module, name)
    lines = ["", f"### `{name}` {{ #{name} }}", ""]
    if inspect.isclass(thing) or callable(thing):
        lines += ["```python", f"{module.__name__}.{name}{signature(thing)}", "```", ""]
        text = inspect.getdoc(thing) if not inspect.isclass(thing) else vars(thing).get("__doc__")
    else:
        text = constant_words(module, name)
    lines.append(rendered(inspect.cleandoc(text or "")))
    return lines + (parts_of(thing) if inspect.isclass(thing) else [])


def parts_of(thing) -> list[str]:
    """Return arguments, fields, properties and methods of a class that say something of themselves."""
    made, lines = vars(thing).get("__init__"), []
    if inspect.isfunction(made) and made.__doc__:
        lines += ["", rendered(inspect.cleandoc(made.__doc__))]
    said = field_words(thing)
    if said:
        lines += ["", *(f"- `{name}`: {linked(' '.join(text.split()))}" for name, text in said.items())]
    for name, part in vars(thing).items():
        if text := words_of_part(name, part):
            lines += ["", f"#### `.{shown_part(name, part)}`", "", rendered(text)]
    inherited = [
        f"- `.{shown_part(name, part)}`: {linked(text)}" for name, (part, text) in inherited_parts(thing).items()
    ]
    return [*lines, "", "Inherited:", "", *inherited] if inherited else lines


def inherited_parts(thing) -> dict:
    """Return what a class has from others of this package, {name: (method or property, its first sentence)}."""
    found, own = {}, vars(thing)
    for base in thing.__mro__[1:]:
        if base.__module__.partition(".")[0] != "simphys":
            continue
        for name, part in vars(base).items():
            text = words_of_part(name, part)
            if text and name not in own and name not in found:
                found[name] = part, re.split(r"(?<=\.)\s", " ".join(text.split("\n\n")[0].split()))[0]
    return found


def plain_part(part):
    """Return the function of a static or class method."""
    return part.__func__ if isinstance(part, staticmethod | classmethod) else part


def words_of_part(name: str, part) -> str | None:
    """Return what a public method or property says of itself."""
    plain = plain_part(part)
    if name.startswith("_") or not (inspect.isfunction(plain) or isinstance(plain, property)):
        return None
    return inspect.getdoc(plain)


def shown_part(name: str, part) -> str:
    """Return how a method is called, or the name of a property."""
    plain = plain_part(part)
    return (
        name
        if isinstance(plain, property)
        else f"{name}{signature(plain, bound=True)}".replace("\n    ", "").replace("\n", "")
    )


def signature(thing, bound: bool = False) -> str:
    """Return how something is called, without types; they stand where it is written."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    given = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    given = given[1:] if bound and given and given[0].name == "self" else given
    shown = str(
        inspect.Signature([p.replace(default=Said(p.default)) if p.default is not p.empty else p for p in given])
    )
    return shown if len(shown) <= 100 else "(\n    " + ",\n    ".join(_split(shown)) + ",\n)"


def _split(shown):
    """Arguments of a signature, one by one; commas within brackets part nothing."""
    depth, parts = 0, [""]
    for letter in shown[1:-1]:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


class Said:
    """A default as it is read."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        if inspect.isfunction(self.value) or inspect.isclass(self.value):
            return self.value.__name__
        text = " ".join(re.sub(r" at 0x[0-9a-f]+", "", repr(self.value)).split())
        return text if len(text) <= 60 else "..."


def field_words(thing) -> dict[str, str]:
    """Return what stands behind the fields of a class in its source."""
    try:
        tree = ast.parse(inspect.cleandoc(inspect.getsource(thing))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return {}
    found = {}
    for field, behind in zip(tree.body, tree.body[1:], strict=False):
        text = behind.value.value if isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant) else None
        if isinstance(field, ast.AnnAssign) and isinstance(text, str):
            found[ast.unparse(field.target)] = text
    return found


def constant_words(module, name: str) -> str:
    """Return what stands behind a constant in its source, or what it is."""
    home = names_of(module.__name__.partition(".")[2])[name]
    tree = ast.parse(inspect.getsource(importlib.import_module(home)))
    for made, behind in zip(tree.body, tree.body[1:], strict=False):
        targets = made.targets if isinstance(made, ast.Assign) else [getattr(made, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == name for t in targets) or _unpacks(targets, name):
            if isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant):
                return str(behind.value.value)
    return f"`{Said(getattr(module, name))!r}`"


def _unpacks(targets, name):
    elements = [e for t in targets if isinstance(t, ast.Tuple) for e in t.elts]
    return any(isinstance(e, ast.Name) and e.id == name for e in elements)


def first_line(thing, fallback: str) -> str:
    """Return the first sentence of a docstring."""
    text = (thing.__doc__ or "").strip() if thing is not None else ""
    return " ".join(text.split("\n\n")[0].split()) or fallback


def rendered(text: str) -> str:
    """Return a docstring as Markdown: what is an equation stands by itself, names lead to where they are told of."""
    parts = []
    for part in re.split(r"\n\s*\n", text):
        listed = part.lstrip().startswith(("-", "*", "|", "```", "#")) or part.startswith("    ")
        if not listed and EQUATION.search(part) and not part.rstrip().endswith((".", ":", ",", ";")):
            parts.append(f"```text\n{inspect.cleandoc(part)}\n```")
        else:
            parts.append(linked(part))
    return "\n\n".join(parts)


@functools.cache
def arguments() -> set[str]:
    """Return what arguments of three things or more are called: by itself such a word is one of these, no function."""
    found = collections.Counter()
    for room in rooms():
        for thing in (getattr(module_of(room), name) for name in names_of(room)):
            try:
                found.update(set(inspect.signature(thing).parameters))
            except (TypeError, ValueError):
                continue
    return {name for name, times in found.items() if times > 2}


def linked(text: str) -> str:
    """Return text in which names of the package are links."""
    text = re.sub(r"\[(`[^`]+`)\]\[\]", r"\1", text)

    def link(match):
        name = match[1].split("(")[0].removeprefix("simphys.").rpartition(".")[2]
        known = name in homes() and match[1] not in arguments()
        return f"[{match[0]}]({homes()[name]})" if known else match[0]

    return re.sub(r"(?<!\[)`([A-Za-z_.]+(?:\([^`]*\))?)`(?!\])", link, text)


def index_page() -> str:
    """Return the page that leads to all others, with every public name and its first sentence."""
    lines = ["# Reference", "", "Every public name, by the module it is imported from.", ""]
    for room in rooms()[1:]:
        module = module_of(room)
        lines += [
            f"## [simphys.{room}]({room}.md)",
            "",
            first_line(module, ""),
            "",
            "| name | what it is |",
            "| --- | --- |",
        ]
        for name in names_of(room):
            what = (
                first_line(getattr(module, name), "")
                if callable(getattr(module, name))
                else constant_words(module, name)
            )
            lines.append(f"| [`{name}`]({room}.md#{name}) | {' '.join(what.split()).replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines)


def keys_page() -> str:
    """Return the keys of scene files, table by table, from the JSON Schema."""
    from simphys.scene import json_schema

    schema = json_schema()
    lines = ["# Keys of scenes", "", "What [`simphys schema`](command_line.md) says, table by table.", ""]
    for name, table in {"scene": schema, **schema["$defs"]}.items():
        title = name.rpartition("__")[2]
        lines += [f"## {title}", "", linked(" ".join(table.get("description", "").split())), ""]
        lines += ["| key | meaning | unit | example |", "| --- | --- | --- | --- |"]
        for key, found in table.get("properties", {}).items():
            needed = "" if key in table.get("required", ()) else "?"
            example = toml(found["examples"][0]).replace("|", "\\|")
            example = example if len(example) <= 60 else f"{example[:57]}..."
            unit = "" if found["unit"] == "none" else found["unit"]
            lines.append(
                f"| `{key}`{needed} | {found['description'].replace('|', chr(92) + '|')} | {unit} | `{example}` |"
            )
        lines.append("")
    return "\n".join([*lines, "A key with a question mark may be left out."])


def toml(value) -> str:
    """Return a value as it stands in a scene."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        keys = {key: key if re.fullmatch(r"[\w-]+", key) else f'"{key}"' for key in value}
        return "{" + ", ".join(f"{keys[key]} = {toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def command_page() -> str:
    """Return the commands with their arguments and options."""
    import typer

    from simphys.cli import app

    lines = ["# Command line", ""]
    for name, command in typer.main.get_command(app).commands.items():
        lines += [f"## `simphys {name}`", "", (command.help or "").replace("\\[", "["), ""]
        lines += ["| | |", "| --- | --- |"]
        for each in command.params:
            words = (getattr(each, "help", "") or "").replace("\\[", "[").replace("|", "\\|")
            lines.append(f"| `{' '.join(each.opts)}` | {words} |")
        lines.append("")
    return "\n".join(lines)


def llms(config) -> str:
    """Return the site in a page for language models: what there is, and where."""
    import simphys

    lines = ["# simphys", "", f"> {first_line(simphys, '')}", "", "## Pages", ""]
    for path in sorted((ROOT / "docs").glob("*.md")):
        title = path.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.stem}/index.html)")
    lines += ["", "## Public names", ""]
    for room in rooms()[1:]:
        module = module_of(room)
        for name in names_of(room):
            thing = getattr(module, name)
            lines.append(f"- simphys.{room}.{name}{'' if not callable(thing) else ': ' + first_line(thing, '')}")
    return "\n".join(lines) + "\n"


def front_page() -> str:
    """Return the README as it reads from within the site: what lies outside of docs/ is named and no link."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    within = lambda match: match[0].replace("(docs/", "(") if match[2].startswith(("docs/", "http", "#")) else match[1]
    text = re.sub(r'<img ([^>]*)src="docs/', r'<img \1src="', text)
    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)]+)\)", within, text).replace("](docs/", "](")


def on_files(files, config):
    """Hook of mkdocs: add the pages."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "index.md", content=front_page()))
    for name, text in pages().items():
        files.append(File.generated(config, f"{FOLDER}/{name}", content=text))
    return files


def on_post_build(config):
    """Hook of mkdocs: add llms.txt."""
    (pathlib.Path(config["site_dir"]) / "llms.txt").write_text(llms(config), encoding="utf-8")


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (target / name).write_text(text, encoding="utf-8")
