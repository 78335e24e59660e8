"""The other side of the benchmarks: PyTorch with PEFT and transformers. The same protocol as worker.mjs.

    python worker.py eager|compile
"""
import contextlib
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

COMPILE = sys.argv[1] == "compile"
torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 2)


def tokens(case, batch=None):
    """The same ids as in worker.mjs."""
    batch, x, ids = batch or case["batch"], 12345, []
    for _ in range(batch * case["length"]):
        x = (x * 1103515245 + 12345) % 2147483648
        ids.append((x >> 8) % case["vocabulary"])
    return torch.tensor(ids).view(batch, case["length"])


def load(case):
    model = AutoModelForCausalLM.from_pretrained(case["folder"], dtype=torch.float32)
    model.config.use_cache = False
    return model


def step(case):
    model = load(case)
    if case["method"] == "lora":
        model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], lora_dropout=0.0, task_type="CAUSAL_LM"))
    model.train()
    ids = tokens(case)
    labels = ids.clone()
    labels[:, : case["length"] - case["targets"]] = -100
    trained = [p for p in model.parameters() if p.requires_grad]
    forward = torch.compile(model) if COMPILE else model
    if case.get("optimizer") == "lomo":
        return lomo_step(model, forward, ids, labels)
    optimizer = torch.optim.AdamW(trained, lr=1e-4, foreach=True)

    def once():
        optimizer.zero_grad(set_to_none=True)
        loss = forward(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        return loss.item()

    return once


def lomo_step(model, forward, ids, labels):
    """The authors' own LOMO, with clipping by the norm of a first backward pass."""
    from lomo_optim import Lomo

    optimizer = Lomo(model, lr=1e-4, clip_grad_norm=1.0)

    def once():
        optimizer.grad_norm(forward(input_ids=ids, labels=labels).loss)
        loss = forward(input_ids=ids, labels=labels).loss
        optimizer.fused_backward(loss, 1e-4)
        return loss.item()

    return once


def records(case):
    with open("data/security-qa/en/train.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file][: case["examples"]]


def lora_model(case):
    return get_peft_model(load(case), LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], lora_dropout=0.0, task_type="CAUSAL_LM"))


def epoch(case):
    """TRL's SFTTrainer: loss on the answers only, batches of like length, nothing saved or reported."""
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(case["folder"])
    data = Dataset.from_list([{"prompt": [{"role": "user", "content": r["question"]}], "completion": [{"role": "assistant", "content": r["answer"]}]} for r in records(case)])
    config = SFTConfig(output_dir="/tmp/tunelab-bench", per_device_train_batch_size=case["batch"], num_train_epochs=1, learning_rate=1e-3, completion_only_loss=True, max_length=512, bf16=False,
                       use_cpu=True, gradient_checkpointing=False, train_sampling_strategy="group_by_length", dataloader_num_workers=0, report_to=[], save_strategy="no", logging_strategy="no",
                       disable_tqdm=True, torch_compile=COMPILE, lr_scheduler_type="cosine")
    model = lora_model(case)

    def once():
        trainer = SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer)
        began = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):  # it prints its log; standard output is for answers
            loss = trainer.train().training_loss
        once.seconds = time.perf_counter() - began  # without the trainer's own preparation of the data
        return loss

    return once


def padded(case):
    """The loop of the chapter's listings: every example padded to 512 tokens, every token a target."""
    from transformers import AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(case["folder"]), lora_model(case)
    tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer([f"问:{r['question']}\n答:{r['answer']}{tokenizer.eos_token}" for r in records(case)], padding="max_length", max_length=512, truncation=True, return_tensors="pt")
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    model.train()

    def once():
        loss = None
        for i in range(0, case["examples"], case["batch"]):
            rows = {key: value[i : i + case["batch"]] for key, value in batch.items()}
            optimizer.zero_grad()
            loss = model(**rows, labels=rows["input_ids"]).loss
            loss.backward()
            optimizer.step()
        return loss.item()

    return once


def hv(case):
    """Hessian of the loss by all parameters, times a vector: double backward."""
    model = AutoModelForCausalLM.from_pretrained(case["folder"], dtype=torch.float32, attn_implementation="eager")
    ids = tokens(case)
    labels = ids.clone()
    labels[:, : case["length"] - case["targets"]] = -100
    parameters = list(model.parameters())
    v = [torch.full_like(p, 1e-3) for p in parameters]
    run = torch.compile(model) if COMPILE else model

    def once():
        loss = run(input_ids=ids, labels=labels, use_cache=False).loss
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        product = torch.autograd.grad(sum((g * d).sum() for g, d in zip(gradients, v)), parameters)
        return sum((p * d).sum() for p, d in zip(product, v)).item()

    return once


def forward(case):
    model = load(case).eval()
    run = torch.compile(model) if COMPILE else model
    ids = tokens(case)

    @torch.no_grad()
    def once():
        return run(input_ids=ids).logits.mean().item()

    return once


def generate(case):
    model = load(case).eval()
    ids = tokens(case, 1)
    if COMPILE:
        model.generation_config.cache_implementation = "static"
    model.config.use_cache = True

    @torch.no_grad()
    def once():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=case["newTokens"], min_new_tokens=case["newTokens"], do_sample=False, use_cache=True, pad_token_id=0)
        return out.shape[1] - ids.shape[1]

    return once


KINDS = {"step": step, "forward": forward, "generate": generate, "epoch": epoch, "padded": padded, "hv": hv}
once = None
for line in sys.stdin:
    request = json.loads(line)
    try:
        if "peak" in request:
            n, best = request["peak"], float("inf")
            x = torch.randn(n, n)
            for _ in range(12):
                began = time.perf_counter()
                torch.mm(x, x)
                best = min(best, time.perf_counter() - began)
            print(json.dumps({"flops": 2 * n**3 / best}), flush=True)
        elif "prepare" in request:
            once, began = KINDS[request["prepare"]["kind"]](request["prepare"]), time.perf_counter()
            first = once()
            print(json.dumps({"first": first, "cold": time.perf_counter() - began}), flush=True)
        else:
            seconds = []
            for _ in range(request["run"]):
                began = time.perf_counter()
                loss = once()
                seconds.append(getattr(once, "seconds", None) or time.perf_counter() - began)
            print(json.dumps({"seconds": seconds, "loss": loss, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"error": repr(error)}), flush=True)
