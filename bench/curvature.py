"""PyTorch's side of curvature.mjs: one Hessian-vector product by double backward for each line of input; prints its seconds."""
import sys
import time

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

torch.set_num_threads(2)
torch.manual_seed(0)
config = Qwen2Config(
    vocab_size=6400, hidden_size=256, intermediate_size=704, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=512, rms_norm_eps=1e-6, tie_word_embeddings=True, use_cache=False,
)
model = Qwen2ForCausalLM._from_config(config, attn_implementation="eager")
ids = torch.randint(0, 6400, (8, 64))
params = list(model.parameters())
direction = [torch.randn_like(p) for p in params]


def product():
    loss = model(ids, labels=ids).loss
    gradient = torch.autograd.grad(loss, params, create_graph=True)
    return torch.autograd.grad(sum((g * v).sum() for g, v in zip(gradient, direction)), params)


product()
print("ready", flush=True)
for _ in sys.stdin:
    began = time.perf_counter()
    product()
    print(time.perf_counter() - began, flush=True)
