"""BlockFFN as a `transformers` model, so that official folders load with `BlockFFNForCausalLM.from_pretrained` (needs transformers)."""

import torch.nn.functional as F
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from .layers import Linear
from .model import Decoder
from .model import CausalLM as _CausalLM
from .shape import shape_of


class BlockFFNConfig(PretrainedConfig):
    """The fields of an official config.json."""

    model_type = "minicpm"


class BlockFFNForCausalLM(PreTrainedModel):
    """Logits of whole sequences (no KV cache: for training and evaluation)."""

    config_class = BlockFFNConfig
    base_model_prefix = "model"
    _tied_weights_keys: dict = {}

    def __init__(self, config: BlockFFNConfig) -> None:
        super().__init__(config)
        self.shape = shape_of(config.to_dict(), "config.json")
        self.model = Decoder(self.shape)
        if not self.shape.tied:
            self.lm_head = Linear(self.shape.hidden, self.shape.vocab)
        self.q4 = False
        self.post_init()

    def _init_weights(self, module) -> None:
        """A new model is made by `student.new_student`; here weights come from a file."""

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def forward(self, input_ids: Tensor, labels: Tensor | None = None, **_) -> CausalLMOutput:
        logits = _CausalLM.forward(self, input_ids, self.dtype)
        loss = None if labels is None else F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return CausalLMOutput(loss=loss, logits=logits)

    norm_device, embeddings, embed, head = _CausalLM.norm_device, _CausalLM.embeddings, _CausalLM.embed, _CausalLM.head
    finish, rope, hidden = _CausalLM.finish, _CausalLM.rope, _CausalLM.hidden
