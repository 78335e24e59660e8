"""Bag-of-words logistic regression on the security alerts.

    python data/security-alerts/baseline.py

Features: counts of words (English: runs of letters; Chinese: also single characters and pairs of neighbours), digits
dropped, log(1 + count), L2 normalised. The penalty is chosen on validation. Needs scikit-learn.
"""
import json
import re
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import normalize

HERE = Path(__file__).parent


def tokens(text):
    found = []
    for run in re.findall(r"[a-z_]+|[\u4e00-\u9fff]+", text.lower()):
        if run[0] < "\u4e00":
            found.append(run)
        else:
            found += list(run) + [run[i:i + 2] for i in range(len(run) - 1)]
    return found


def load(language, split):
    rows = [json.loads(line) for line in (HERE / language / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [r["text"] for r in rows], np.array([r["label"] for r in rows])


for language in ("en", "zh"):
    data = {split: load(language, split) for split in ("train", "validation", "test", "hard")}
    count = CountVectorizer(analyzer=tokens, min_df=2).fit(data["train"][0])
    x = {split: normalize(count.transform(texts).astype(float).log1p()) for split, (texts, _) in data.items()}
    best = None
    for c in (1, 10, 100):
        model = LogisticRegression(C=c, max_iter=2000).fit(x["train"], data["train"][1])
        score = model.score(x["validation"], data["validation"][1])
        if best is None or score > best[0]:
            best = (score, c, model)
    score, c, model = best
    print(f"{language}: C={c} features={len(count.vocabulary_)}", end="")
    for split in ("validation", "test", "hard"):
        predicted = model.predict(x[split])
        print(f"  {split} accuracy {np.mean(predicted == data[split][1]):.3f} macro F1 {f1_score(data[split][1], predicted, average='macro'):.3f}", end="")
    print()
