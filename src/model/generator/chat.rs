//! What a model is told: an instruction and the material, in the form that it was trained to answer.
//!
//! The forms are written out here, not taken from the templates in files (Jinja programs): three of them cover the families that are
//! run, text cannot leave its turn as control tokens come by id, and a file cannot bring a program along. A model without a chat form
//! is a base model, which goes on with the text it is given.

use super::gguf::Header;
use super::tokenizer::Tokenizer;

/// The form of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatForm {
    /// `<|im_start|>user … <|im_end|>`, as Qwen uses it; thinking is skipped where the model can be asked to.
    ChatMl {
        /// The model takes an empty thought as the word not to think.
        skips_thinking: bool,
    },
    /// `<|start_header_id|>user<|end_header_id|> … <|eot_id|>`.
    Llama3,
    /// `<start_of_turn>user … <end_of_turn>`.
    Gemma,
    /// No conversation: a base model goes on with the text.
    Plain,
}

impl ChatForm {
    /// The form of a file: by the marks that it has, where it has a chat template at all.
    pub fn of(header: &Header, tokenizer: &Tokenizer) -> Self {
        let Some(template) = header.text("tokenizer.chat_template") else { return Self::Plain };
        let has = |marks: &[&str]| marks.iter().all(|mark| tokenizer.named(mark).is_some() && template.contains(mark));
        if has(&["<|im_start|>", "<|im_end|>"]) {
            Self::ChatMl { skips_thinking: template.contains("enable_thinking") }
        } else if has(&["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]) {
            Self::Llama3
        } else if has(&["<start_of_turn>", "<end_of_turn>"]) {
            Self::Gemma
        } else {
            Self::Plain
        }
    }

    /// The name in run records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatMl { .. } => "chatml",
            Self::Llama3 => "llama3",
            Self::Gemma => "gemma",
            Self::Plain => "none (base model)",
        }
    }

    /// The tokens of an instruction with its material, ready to be answered.
    pub fn prompt(self, tokenizer: &Tokenizer, instruction: &str, material: &str) -> Vec<u32> {
        let mut writer = Writer { tokenizer, tokens: tokenizer.begin().into_iter().collect() };
        match self {
            Self::ChatMl { skips_thinking } => {
                writer.turn("<|im_start|>", "system\n", instruction, "<|im_end|>");
                writer.text("\n");
                writer.turn("<|im_start|>", "user\n", material, "<|im_end|>");
                writer.text("\n");
                writer.mark("<|im_start|>");
                writer.text("assistant\n");
                if skips_thinking {
                    writer.mark("<think>");
                    writer.text("\n\n");
                    writer.mark("</think>");
                    writer.text("\n\n");
                }
            }
            Self::Llama3 => {
                for (role, said) in [("system", instruction), ("user", material), ("assistant", "")] {
                    writer.mark("<|start_header_id|>");
                    writer.text(role);
                    writer.mark("<|end_header_id|>");
                    writer.text(&format!("\n\n{}", said.trim()));
                    if !said.is_empty() {
                        writer.mark("<|eot_id|>");
                    }
                }
            }
            Self::Gemma => {
                // Gemma has no turn for instructions: they go before the material.
                let said = format!("{}\n\n{}", instruction.trim(), material.trim());
                writer.turn("<start_of_turn>", "user\n", said.trim(), "<end_of_turn>");
                writer.text("\n");
                writer.mark("<start_of_turn>");
                writer.text("model\n");
            }
            Self::Plain => {
                let parts = [instruction.trim(), material].into_iter().filter(|part| !part.is_empty());
                writer.text(&parts.collect::<Vec<_>>().join("\n\n"));
            }
        }
        writer.tokens
    }
}

struct Writer<'a> {
    tokenizer: &'a Tokenizer,
    tokens: Vec<u32>,
}

impl Writer<'_> {
    fn turn(&mut self, start: &str, role: &str, said: &str, end: &str) {
        self.mark(start);
        self.text(&format!("{role}{said}"));
        self.mark(end);
    }

    /// A control token; as text where the model has none of this name.
    fn mark(&mut self, name: &str) {
        match self.tokenizer.named(name) {
            Some(token) => self.tokens.push(token),
            None => self.text(name),
        }
    }

    fn text(&mut self, text: &str) {
        self.tokens.extend(self.tokenizer.encode(text));
    }
}
