"""The other side of the benchmarks: PyTorch with PEFT and transformers. The same protocol as worker.mjs.

    python worker.py eager|compile
"""
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
    optimizer = torch.optim.AdamW(trained, lr=1e-4, foreach=True)
    forward = torch.compile(model) if COMPILE else model

    def once():
        optimizer.zero_grad(set_to_none=True)
        loss = forward(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        return loss.item()

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


KINDS = {"step": step, "forward": forward, "generate": generate}
once = None
for line in sys.stdin:
    request = json.loads(line)
    try:
        if "prepare" in request:
            once, began = KINDS[request["prepare"]["kind"]](request["prepare"]), time.perf_counter()
            first = once()
            print(json.dumps({"first": first, "cold": time.perf_counter() - began}), flush=True)
        else:
            seconds = []
            for _ in range(request["run"]):
                began = time.perf_counter()
                loss = once()
                seconds.append(time.perf_counter() - began)
            print(json.dumps({"seconds": seconds, "loss": loss, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"error": repr(error)}), flush=True)
