"""YAML in which each key stands once: of two, YAML itself silently keeps the last."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"
_DEPTH = 100


def parsed(text: str) -> Any:
    """The one document of a text.

    Raises:
        yaml.YAMLError: it is no YAML, a key stands twice in a mapping, or the values are nested too deeply.
    """
    if yaml.__with_libyaml__:
        # Five times as fast as the parser in Python, whose errors name the place better.
        try:
            if _depth(text) <= _DEPTH:
                return yaml.load(text, _QuickLoader)  # noqa: S506 (a SafeLoader)
        except yaml.YAMLError:
            pass
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except RecursionError:
        raise yaml.YAMLError("the values are nested too deeply") from None


def _depth(text: str) -> int:
    """How deep the values are nested; libyaml's loader would follow them until the stack ends."""
    depth = deepest = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        deepest = max(deepest, depth)
    return deepest


class _UniqueKeys(yaml.constructor.SafeConstructor):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            # What a merge brings may be overridden.
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                name = self.construct_object(key)
                if name in seen:
                    raise yaml.constructor.ConstructorError(
                        problem=f"the key {name!r} stands twice", problem_mark=key.start_mark
                    )
                seen.add(name)
        return super().construct_mapping(node, deep)


class _Loader(_UniqueKeys, yaml.SafeLoader):
    pass


if yaml.__with_libyaml__:

    class _QuickLoader(_UniqueKeys, yaml.CSafeLoader):
        pass
