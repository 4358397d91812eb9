#!/usr/bin/env python3
# Every function that a header of src/kernels declares is called by a test in tests/unit, and every
# backward function is reached from a test that takes central differences.
# labels: quick
# processors: 1
# timeout: 60
"""Prints one line for each function without a test; exit code 1 if there is one."""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(os.environ["JESPR_SOURCE_DIR"])
# A declaration starts at the start of a line, with the type that it returns.
DECLARATION = re.compile(r"^(?!return|static_assert|constexpr \w+ \w+ =)[A-Za-z_][\w:<>, ]*[ &*]"
                         r"(?!operator)(\w+)\(", re.MULTILINE)
DIFFERENCES = re.compile(r"\bexpect_(layer_)?gradients?\(")
FEWEST = 60  # a check that finds fewer functions does not understand the headers any more


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def code(path):
    return without_comments(path.read_text())


def declared(header):
    """Names of the functions of one header; what is in namespace detail is nobody's business."""
    text = re.sub(r"^namespace detail \{.*?^\}  // namespace detail$", "", header.read_text(),
                  flags=re.MULTILINE | re.DOTALL)
    return sorted({name for name in DECLARATION.findall(without_comments(text))})


def callers(name, tests):
    """The tests that name kernels::name, or name alone where they use the namespace."""
    full = re.compile(rf"\bkernels::{name}\b")
    short = re.compile(rf"\b{name}\b")
    return [text for text in tests
            if (short if "using namespace jespr::kernels;" in text else full).search(text)]


def blocks(text):
    """(names it defines, text) of every test, function and struct of a file."""
    parts = re.split(r"^\};?$", text, flags=re.MULTILINE)
    define = re.compile(r"^(?:struct (\w+)|[A-Za-z_][\w:<>,&* ]*[ &*](\w+)\()", re.MULTILINE)
    return [({first or second for first, second in define.findall(part)}, part)
            for part in parts]


def is_differentiated(name, text):
    """Whether a block that takes differences reaches `name`, itself or by what it calls."""
    all_blocks = blocks(text)
    for _, start in all_blocks:
        if not DIFFERENCES.search(start):
            continue
        reached, waiting = [], [start]
        while waiting:
            here = waiting.pop()
            if re.search(rf"\b{name}\b", here):
                return True
            reached.append(here)
            waiting += [part for names, part in all_blocks if part not in reached + waiting and
                        any(re.search(rf"\b{other}\b", here) for other in names)]
    return False


tests = [code(path) for path in sorted((ROOT / "tests/unit").rglob("*.cpp"))]
problems, found = [], 0
for header in sorted((ROOT / "src/kernels").glob("*.hpp")):
    for name in declared(header):
        found += 1
        texts = callers(name, tests)
        where = f"{header.relative_to(ROOT)}: {name}"
        if not texts:
            problems.append(f"{where} is called by no test; add one in tests/unit/kernels")
        elif "_backward" in name and not any(is_differentiated(name, text) for text in texts):
            problems.append(f"{where} is not tested by differences; use expect_gradient")
if found < FEWEST:
    problems.append(f"only {found} functions found in src/kernels")
print("\n".join(problems) or f"{found} functions of src/kernels are tested")
sys.exit(1 if problems else 0)
