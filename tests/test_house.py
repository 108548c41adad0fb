"""How large a file, a function and a list of parameters may become, and that what is public says what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*ROOT.glob("spear_deploy/**/*.py"), *ROOT.glob("backends/*/src/**/*.py")])

MOST_LINES = 350
MOST_LINES_OF_A_FUNCTION = 45
MOST_PARAMETERS = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def is_kernel(function: Function) -> bool:
    """Whether numba compiles it, or it writes what numba compiles: a kernel takes its arrays one by one."""
    written = [ast.dump(decorator) for decorator in function.decorator_list]
    return any("njit" in decorator or "intrinsic" in decorator for decorator in written)


def parameters(function: Function) -> int:
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def public_without_docstring(tree: ast.Module) -> list[str]:
    documented = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = ["the module"] if ast.get_docstring(tree) is None else []
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    scopes: list[ast.Module | ast.ClassDef] = [tree, *classes]
    for node in (node for scope in scopes for node in scope.body if isinstance(node, documented)):
        if not node.name.startswith("_") and ast.get_docstring(node) is None and not overloads(node):
            found.append(node.name)
    return found


def overloads(node: ast.AST) -> bool:
    return any("overload" in ast.dump(decorator) for decorator in getattr(node, "decorator_list", ()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    """Small files, small functions, few parameters, and a docstring for whatever is public."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= MOST_LINES
    for function in functions(tree):
        assert function.end_lineno is not None
        assert function.end_lineno - function.lineno < MOST_LINES_OF_A_FUNCTION, function.name
        assert parameters(function) <= MOST_PARAMETERS or is_kernel(function), function.name
    assert not public_without_docstring(tree)
