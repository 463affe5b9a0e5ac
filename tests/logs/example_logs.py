"""Write the made-up logs of the book's page on importing: ``python tests/example_logs.py``.

A strong and a weak model, or six for answers that were given once, in every format.
"""

import json
import sys
from pathlib import Path

from make_logs import LADDER, MODELS, answers, eee_row, header, lm_eval, sample, write_lines

N_ITEMS, N_TRIALS = 40, 4
TASK = "mgsm_direct_{}"
FOLDER = Path(__file__).parents[2] / "book" / "logs"


def write(folder: Path) -> None:
    """The logs of every format, the same bytes each time."""
    lm_eval(folder / "lm-eval", answers(LADDER, n_items=N_ITEMS))
    found = answers(MODELS, n_items=N_ITEMS, n_trials=N_TRIALS, seed=7)
    rows, lines = [], ["model,language,question,is_right"]
    for (model, language), right in found.items():
        task = TASK.format(language)
        epochs = [
            sample(f"q{i}", "C" if right[i, k] else "I", k + 1, messages=[])
            for i in range(N_ITEMS)
            for k in range(N_TRIALS)
        ]
        head = header(task, model)
        path = folder / "inspect" / f"{model.split('/')[1]}_{task}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**head, "samples": epochs}), encoding="utf-8")
        for i, k in ((i, k) for i in range(N_ITEMS) for k in range(N_TRIALS)):
            verdict = bool(right[i, k])
            about = {"evaluation_id": f"{task}/{model}/1900000000.5", "model_id": model}
            rows.append(eee_row(f"q{i}", verdict, task, **about))
            lines.append(f"{model},{language},q{i},{'yes' if verdict else 'no'}")
    write_lines(folder / "eee" / "mgsm.jsonl.gz", rows)
    (folder / "long.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
