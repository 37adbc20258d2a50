"""Mixins share one object: what one of them remembers or does must not be replaced by another."""

import ast
from collections import defaultdict


def remembered(tree: ast.AST):
    """Yield class and attribute for each private attribute that a constructor sets."""
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for method in kind.body:
            if not (isinstance(method, ast.FunctionDef) and method.name == "__init__"):
                continue
            for node in ast.walk(method):
                target = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                if target and node.attr.startswith("_"):
                    yield kind, node.attr


def test_no_two_mixins_remember_under_the_same_name(repository):
    owners = defaultdict(set)
    for path in sorted((repository / "regimekit" / "hooks").glob("*.py")):
        for kind, name in remembered(ast.parse(path.read_text())):
            if kind.bases:  # a mixin descends from a strategy
                owners[name].add(f"{path.stem}.{kind.name}")
    assert len(owners) > 5
    assert {name: kinds for name, kinds in owners.items() if len(kinds) > 1} == {}


def own_methods(tree: ast.AST):
    """Yield class and name for each private method of a mixin."""
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for method in kind.body:
            named = isinstance(method, ast.FunctionDef) and method.name.startswith("_")
            if named and not method.name.endswith("__"):
                yield kind, method.name


def test_no_two_mixins_have_a_private_method_of_the_same_name(repository):
    owners = defaultdict(set)
    for path in sorted((repository / "regimekit" / "hooks").glob("*.py")):
        for kind, name in own_methods(ast.parse(path.read_text())):
            if kind.bases:
                owners[name].add(f"{path.stem}.{kind.name}")
    assert len(owners) > 20
    assert {name: kinds for name, kinds in owners.items() if len(kinds) > 1} == {}
