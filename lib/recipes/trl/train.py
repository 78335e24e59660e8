"""Fine-tunes a model with TRL's SFTTrainer, in as many processes as `accelerate launch` starts.

    accelerate launch --config_file accelerate.yaml train.py [--model DIR] [--out DIR] [--resume]

recipe.json says what is trained, how and how long; data/*.jsonl hold {prompt, completion} as the template wrote them;
start/ is the adapter at step 0. Written by `tunelab recipe --to trl`; see README.md.
"""
import argparse
import json
import os
import shutil
from pathlib import Path

import torch
from datasets import Dataset
from peft import PeftConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

HERE = Path(__file__).resolve().parent
IGNORED = -100  # PyTorch's label of a token that is no target


def encode(record, tokenizer, recipe):
    """Token ids and labels. Prompt and completion are encoded apart, so that no token spans both. Only the completion is a
    target, up to and including its first end token, which is added where there is none."""
    ids = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
    prompt, answer, eos = ids(record["prompt"]), ids(record["completion"]), recipe["eos"]
    end = next((i for i, token in enumerate(answer) if token in eos), None)
    answer = answer + eos[:1] if end is None else answer[: end + 1]
    cut = slice(recipe["max_length"])
    return {"input_ids": (prompt + answer)[cut], "labels": ([IGNORED] * len(prompt) + answer)[cut]}


def read(file, tokenizer, recipe):
    lines = file.read_text(encoding="utf-8").splitlines()
    return Dataset.from_list([encode(json.loads(line), tokenizer, recipe) for line in lines if line.strip()])


def prepare(model, recipe):
    """The model with what is trained: an adapter as start/ has it, or weights of its own."""
    if recipe["adapter"]:
        config = PeftConfig.from_pretrained(HERE / "start")
        if not config.is_prompt_learning:
            return PeftModel.from_pretrained(model, HERE / "start", is_trainable=True)
        # PEFT does not load virtual tokens to train them on: they are made anew, and set to what start/ holds.
        config.inference_mode = False
        model, encoder = get_peft_model(model, config), HERE / "start" / "encoder.safetensors"
        state = load_file(encoder) if encoder.exists() else {"embedding.weight": load_file(HERE / "start" / "adapter_model.safetensors")["prompt_embeddings"]}
        model.prompt_encoder["default"].load_state_dict(state)
        return model
    if recipe["parameters"] is not None:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in recipe["parameters"])
    return model


class Trainer(SFTTrainer):
    def get_decay_parameter_names(self, model):
        """All of them: Tunelab's optimizers decay biases and norms like the rest."""
        return [name for name, _ in model.named_parameters()]

    @torch.no_grad()
    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval"):
        """Mean loss over all target tokens, as `tunelab evaluate` has it; the library's own is a mean over batches."""
        rows, state, size = eval_dataset or self.eval_dataset, self.accelerator, self.args.per_device_eval_batch_size
        model, total = state.unwrap_model(self.model), torch.zeros(2, dtype=torch.float64, device=state.device)
        training = model.training
        model.eval()
        mine = [rows[i] for i in range(state.process_index, len(rows), state.num_processes)]
        for i in range(0, len(mine), size):
            batch = {name: tensor.to(state.device) for name, tensor in self.data_collator(mine[i : i + size]).items()}
            labels = batch.pop("labels")[:, 1:]
            with self.compute_loss_context_manager():
                logits = model(**batch).logits[:, -labels.shape[1] - 1 : -1].float()  # without virtual tokens in front
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
            total += torch.stack([loss.double(), (labels != IGNORED).sum().double()])
        model.train(training)
        loss, targets = state.reduce(total, "sum").tolist()
        metrics = {f"{metric_key_prefix}_loss": loss / targets, f"{metric_key_prefix}_targets": int(targets)}
        self.log(metrics)
        return metrics


def build(recipe, model_folder, out):
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = prepare(AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32), recipe)
    validation = HERE / "data" / "validation.jsonl"
    has_validation, every = validation.exists(), recipe["evaluate_every"]
    arguments = SFTConfig(
        output_dir=str(out / "checkpoints"), max_steps=recipe["steps"], seed=recipe["seed"],
        per_device_train_batch_size=recipe["batch_size"] // recipe["processes"], per_device_eval_batch_size=recipe["batch_size"],
        gradient_accumulation_steps=recipe["accumulate"], average_tokens_across_devices=True, max_grad_norm=recipe["clip"],
        learning_rate=recipe["learning_rate"], lr_scheduler_type=recipe["schedule"], warmup_steps=recipe["warmup"],
        optim=recipe["optimizer"]["name"], weight_decay=recipe["optimizer"]["weight_decay"],
        bf16=recipe["precision"] == "bfloat16", fp16=recipe["precision"] == "half", use_cpu=recipe["device"] == "cpu",
        eval_strategy="steps" if has_validation and every else "no", eval_steps=every or None,
        save_steps=recipe["save_every"], save_total_limit=2, logging_steps=1, report_to="none",
        max_length=None, packing=False, gradient_checkpointing=False, ddp_find_unused_parameters=False,
        dataloader_pin_memory=recipe["device"] != "cpu",
    )
    return Trainer(
        model=model, args=arguments, processing_class=tokenizer, train_dataset=read(HERE / "data" / "train.jsonl", tokenizer, recipe),
        eval_dataset=read(validation, tokenizer, recipe) if has_validation else None,
    )


def save(trainer, model_folder, out, recipe):
    """out/adapter, as PEFT and Tunelab load it, or the whole model in out/model."""
    target = out / ("adapter" if recipe["adapter"] else "model")
    model = trainer.accelerator.unwrap_model(trainer.model)
    if recipe["adapter"]:
        model.peft_config["default"].base_model_name_or_path = str(model_folder)
        model.save_pretrained(target, save_embedding_layers=False)  # else PEFT asks the Hub whether the vocabulary grew
        return target
    model.save_pretrained(target)
    folder = Path(model_folder)
    files = [file for file in folder.glob("*") if file.name.startswith(("tokenizer", "special_tokens", "added_tokens", "chat_template", "vocab", "merges"))] if folder.is_dir() else []
    for file in files:  # as they are: another version of the library may write them differently
        shutil.copy(file, target)
    if not files:
        trainer.processing_class.save_pretrained(target)
    return target


def main():
    recipe = json.loads((HERE / "recipe.json").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=os.path.normpath(HERE / recipe["model"]), help="model folder, or its name on the Hub (%(default)s)")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="folder for checkpoints and results (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in --out")
    args = parser.parse_args()

    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes != recipe["processes"]:
        raise SystemExit(
            f"This recipe is for {recipe['processes']} processes, but {processes} run. Start it with `accelerate launch --config_file accelerate.yaml train.py`; "
            "`--cpu --num_processes` alone starts a single one. For another number write the recipe anew with --processes."
        )
    if args.resume and (HERE / "start" / "encoder.safetensors").exists():
        raise SystemExit("--resume: PEFT's checkpoints hold what the encoder made, not the encoder, so it could not be trained on. Begin anew with another --out.")
    trainer = build(recipe, args.model, args.out)
    trainer.train(resume_from_checkpoint=args.resume or None)
    validation = trainer.evaluate() if trainer.eval_dataset is not None else None
    if trainer.accelerator.is_main_process:
        target = save(trainer, args.model, args.out, recipe)
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        result = {
            "steps": trainer.state.global_step, "processes": trainer.accelerator.num_processes, "losses": losses, "saved": str(target),
            "validation": validation and {"loss": validation["eval_loss"], "targets": validation["eval_targets"]},
        }
        (args.out / "result.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
        print(json.dumps(result))
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main()
