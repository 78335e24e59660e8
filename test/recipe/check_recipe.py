"""What recipes of `tunelab recipe --to trl` do in one process: the batches that TRL makes of their data, and the losses of a run.

    python test/recipe/check_recipe.py RECIPE_DIR…

Prints one JSON line a recipe: {"batches": [{input_ids, attention_mask, labels}], "result": out/result.json}.
"""
import importlib.util
import json
import sys
from pathlib import Path


def module_of(folder):
    """train.py of a recipe folder, which finds its data beside itself."""
    spec = importlib.util.spec_from_file_location("train", folder / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


for folder in map(Path, sys.argv[1:]):
    train = module_of(folder)
    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    model = str(folder / recipe["model"])
    trainer = train.build(recipe, model, folder / "out")
    batches = [{name: tensor.tolist() for name, tensor in batch.items() if hasattr(tensor, "tolist")} for batch in trainer.get_train_dataloader()]
    sys.argv = ["train.py"]
    train.main()
    print("RESULT " + json.dumps({"batches": batches, "result": json.loads((folder / "out" / "result.json").read_text(encoding="utf-8"))}))
