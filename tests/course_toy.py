"""A small assignment, and notebooks as students might hand them in."""

import json

import nbformat

SECRET = "a hidden test with a number of its own"
CELLS = [
    ("markdown", "# A toy", None, []),
    ("code", "import numpy as np", None, ["setup-imports"]),
    ("code", 'def mean(x):\n    """The mean of x, (N,)."""\n    ### BEGIN SOLUTION\n'
     "    return np.asarray(x).sum() / len(x)\n    ### END SOLUTION", ("mean", False, True, None), []),
    ("code", 'assert abs(mean([1, 2, 3]) - 2) < 1e-9, "the mean of 1, 2, 3 is 2: did you divide by n - 1?"\n'
     "### BEGIN HIDDEN TESTS\n# a hidden test with a number of its own\n"
     'assert abs(mean(np.array([5.0, 7.5])) - 6.25) < 1e-9, "wrong for an array"\n### END HIDDEN TESTS',
     ("mean-test", True, False, 6), []),
    ("code", "def best(x):\n    ### BEGIN SOLUTION\n    return int(np.argmax(x))\n    ### END SOLUTION\n",
     ("best", False, True, None), []),
    ("code", 'assert best([1, 3, 2]) == 1, "not the place of the largest"\n### BEGIN HIDDEN TESTS\n'
     'share = np.mean([best(np.eye(5)[i]) == i for i in range(5)])\nleaderboard = {"share": share}\n4 * share\n'
     "### END HIDDEN TESTS", ("best-test", True, False, 4), []),
    ("markdown", "Means are pulled by outliers, the model answer.", ("why", True, True, 5), []),
    ("markdown", "Two points for the outlier.", None, ["instructor"]),
]  # fmt: skip


def toy():
    """The instructor's notebook."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for number, (kind, source, graded, tags) in enumerate(CELLS):
        cell = (nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell)(source, id=f"c{number}")
        if tags:
            cell.metadata["tags"] = tags
        if graded:
            name, grade, solution, points = graded
            cell.metadata["nbgrader"] = {
                "schema_version": 3, "grade_id": name, "grade": grade, "solution": solution, "task": False,
                "locked": not solution,
            } | ({"points": points} if points else {})  # fmt: skip
        notebook.cells.append(cell)
    return notebook


ANSWERS = {"mean": "def mean(x):\n    return sum(x) / len(x)", "best": "def best(x):\n    return list(x).index(max(x))",
           "why": "Because of outliers."}  # fmt: skip


def answered(student, answers=ANSWERS, first=None, last=None):
    """The student's notebook, as a dict, with `answers` {grade_id: source}, and further code before and behind."""
    notebook = json.loads(nbformat.v4.writes(student))
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(name, cell["source"])
    extra = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    if first is not None:
        notebook["cells"].insert(1, extra | {"source": first, "id": "first"})
    if last is not None:
        notebook["cells"].append(extra | {"source": last, "id": "last"})
    return notebook
