# SPDX-License-Identifier: Apache-2.0
"""What people are called in random histories, and which names may be one person's."""

# What the maker calls people, and whom it may mean: of one class is one person; of None nobody can tell.
NAME_CLASSES = {"王伟": 1, "伟 王": 1, "王芳": 2, "李娜": 3, "李小姐": 3, "Wang Wei": None}


def name_of(event):
    """What the event calls the person, or None where that is no name."""
    traits = {} if event["type"] == "group" else event.get("traits") or {}
    for source in (traits, (event.get("context") or {}).get("traits") or {}):
        if "name" in source:
            return source["name"] if source["name"] in NAME_CLASSES else None
    return None


def names_clash(one, other):
    one, other = NAME_CLASSES[one], NAME_CLASSES[other]
    return None not in (one, other) and one != other
