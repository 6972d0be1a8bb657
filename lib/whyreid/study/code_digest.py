"""Which modules of the library does a piece of code reach, and has any of them changed?

A stored result is worth as much as the code that made it, so its name contains a digest of that code: of the
modules that a step or a notebook reaches by its imports, and of no others. A change to a plot retrains nothing.

The source is read, never run. What an import names is followed: ``from whyreid.retrieval import evaluate_ranking``
reaches the module in which ``whyreid/retrieval/__init__.py`` says that this name lives, not all the modules that
the package offers. Imports inside functions count, imports under ``if TYPE_CHECKING:`` do not.

A module's digest is that of its syntax tree without docstrings: a comment, a docstring or a line break changes
nothing; every other edit does. What is not seen: modules imported by a computed name, data files, other packages.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class CodeDigest:
    """The modules that were reached, and one digest of them all.

    Attributes:
        digest: 64 hexadecimal digits (SHA-256).
        modules: dotted names, sorted.
    """

    digest: str
    modules: tuple[str, ...]


def code_digest(names: Sequence[str], *, package: Path = LIBRARY) -> CodeDigest:
    """The digest of everything inside the package that these modules, packages or names reach.

    Args:
        names: dotted: a module (``"whyreid.training.loop"``), a package (then all that it offers), or a name in
            either (``"whyreid.training.train_target"``).
        package: the folder of the package; its name is the first part of every dotted name.

    Returns:
        The digest and the reached modules.

    Raises:
        ValueError: a name that neither is a module of the package nor lives in one.

    Cost: one parse per file and process. The first answer stands until the process ends, as the imported code does.

    Example:
        >>> code_digest(["whyreid.study.code_digest"]).modules
        ('whyreid.study.code_digest',)
    """
    reached: set[tuple[str, str | None]] = set()
    for name in names:
        module, rest = _split(name, package)
        if rest is not None and not _offers(module, rest, package):
            raise ValueError(f"code must name modules of {package.name} or names in them, got {name!r}: "
                             f"{module} has no {rest!r}.")  # fmt: skip
        _follow(module, rest, package, reached)
    return _digest(reached, package)


def source_digest(source: str, *, package: Path = LIBRARY) -> CodeDigest:
    """The digest of everything inside the package that this source text (a notebook's code cells) imports.

    Args:
        source: Python source; relative imports in it are not followed.
        package: the folder of the package.

    Returns:
        The digest and the reached modules; the text itself is not part of it.

    Raises:
        SyntaxError: the source is not Python.
    """
    reached: set[tuple[str, str | None]] = set()
    for module, name in _imports(ast.parse(source), "", package.name):
        _follow(module, name, package, reached)
    return _digest(reached, package)


def forget_sources() -> None:
    """Read every file anew from here on; for tests that edit a package while they run."""
    _tree.cache_clear()
    _module_digest.cache_clear()


def _digest(reached: set[tuple[str, str | None]], package: Path) -> CodeDigest:
    modules = tuple(sorted({module for module, _ in reached if _counts(module, reached, package)}))
    lines = [f"{module} {_module_digest(_file(module, package))}" for module in modules]
    return CodeDigest(hashlib.sha256("\n".join(lines).encode()).hexdigest(), modules)


def _counts(module: str, reached: set[tuple[str, str | None]], package: Path) -> bool:
    """Whether a module is more than a signpost: an ``__init__`` that only re-exports decides nothing itself."""
    if not _is_package(module, package):
        return True
    return not _only_reexports(_tree(_file(module, package)))


def _follow(module: str, name: str | None, package: Path, reached: set[tuple[str, str | None]]) -> None:
    """Add what ``import module`` (name None) or ``from module import name`` reaches, and all that this reaches."""
    if not _exists(module, package):
        return
    pending = [(module, name)]
    while pending:
        module, name = pending.pop()
        if name is None or not _is_package(module, package):
            key: tuple[str, str | None] = (module, None)
            targets = list(_imports(_tree(_file(module, package)), module, package.name, _is_package(module, package)))
        else:
            key = (module, name)
            targets = _reexported(module, name, package)
        if key not in reached:
            reached.add(key)
            pending += [target for target in targets if _exists(target[0], package)]
            pending += [(parent, None) for parent in _working_parents(module, package)]


def _working_parents(module: str, package: Path) -> Iterator[str]:
    """The packages around a module whose ``__init__`` does more than re-export: importing the module runs it."""
    parts = module.split(".")
    for end in range(1, len(parts)):
        parent = ".".join(parts[:end])
        if _exists(parent, package) and not _only_reexports(_tree(_file(parent, package))):
            yield parent


def _reexported(module: str, name: str, package: Path) -> list[tuple[str, str | None]]:
    """Where a package gets a name from: its own ``__init__``, another module, or a submodule of that name."""
    tree = _tree(_file(module, package))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    origin = _absolute(node, module, is_package=True)
                    return [(origin, alias.name)] if origin != module else [(f"{module}.{alias.name}", None)]
    if _exists(f"{module}.{name}", package):
        return [(f"{module}.{name}", None)]
    stars = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    origins = [_absolute(node, module, is_package=True) for node in stars]
    offering = [origin for origin in origins if _exists(origin, package) and _offers(origin, name, package)]
    return [(origin, name) for origin in offering] or [(module, None)]


def _offers(module: str, name: str, package: Path) -> bool:
    """Whether a module binds a name at its top level (by definition, assignment or import) or has such a submodule."""
    bound: set[str] = set()
    for node in _tree(_file(module, package)).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        else:
            bound |= {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)}
    return name in bound or _exists(f"{module}.{name}", package)


def _imports(tree: ast.Module, module: str, root: str, is_package: bool = False) -> Iterator[tuple[str, str | None]]:
    """Every import of something in the package, as (module, name); name None stands for the whole module."""
    for node in _run_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.split(".")[0] == root)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module, is_package)
            if origin.split(".")[0] == root:
                yield from ((origin, None if alias.name == "*" else alias.name) for alias in node.names)


def _run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but the bodies of ``if TYPE_CHECKING:``, which never run."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for branch in child.orelse:
                yield branch
                yield from _run_nodes(branch)
            continue
        yield child
        yield from _run_nodes(child)


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The dotted name that a relative import means inside ``module``."""
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*base, *([node.module] if node.module else [])])


def _split(name: str, package: Path) -> tuple[str, str | None]:
    """A dotted name as (module, name in it or None)."""
    module, _, rest = name.rpartition(".")
    if _exists(name, package):
        return name, None
    if module and _exists(module, package):
        return module, rest
    raise ValueError(f"code must name modules of {package.name} or names in them, got {name!r}: no such file.")


def _exists(module: str, package: Path) -> bool:
    return module.split(".")[0] == package.name and _file(module, package).is_file()


def _is_package(module: str, package: Path) -> bool:
    return _file(module, package).name == "__init__.py"


def _file(module: str, package: Path) -> Path:
    stem = package.joinpath(*module.split(".")[1:])
    return stem / "__init__.py" if stem.is_dir() else stem.with_name(f"{stem.name}.py")


def _only_reexports(tree: ast.Module) -> bool:
    """Whether a module holds nothing but a docstring, imports and dunder names such as ``__all__``."""
    return all(
        isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node) or _is_dunder(node) for node in tree.body
    )


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_dunder(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and all(
        isinstance(target, ast.Name) and target.id.startswith("__") for target in node.targets
    )


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def _module_digest(file: Path) -> str:
    return hashlib.sha256("".join(_canonical(_tree(file))).encode()).hexdigest()


def _canonical(node: object) -> Iterator[str]:
    """A syntax tree as text that is the same in every Python version: no positions, no empty fields, no docstrings."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for field, value in ast.iter_fields(node):
            if field == "body" and isinstance(value, list) and value and _is_docstring(value[0]):
                value = value[1:]
            if value is not None and value != [] and field not in {"kind", "type_comment", "ctx"}:
                yield f" {field}="
                yield from _canonical(value)
        yield ")"
    elif isinstance(node, list):
        for item in node:
            yield from _canonical(item)
            yield ","
    else:
        yield repr(node)
