#pragma once

#include "domain/model.hpp"
#include "domain/redaction.hpp"
#include "domain/secret.hpp"
#include "domain/stores.hpp"

namespace relevo {

/// The model call that `inference` describes: the same inference makes the same prompt.
///
/// The first message is the system's: the agent's prompt with {STORE_NAME}, {STORE_CATALOG_KNOWLEDGE},
/// {CUSTOMER} (who writes) and {METADATA} (what the messages bring with them) filled in, knowledge and
/// metadata as sections of their own where the prompt has no place for them; what the shop calls what the
/// customer says; what is disclosed for the agent; and the rules. What others wrote into customer and
/// metadata is data_block's. Then the conversation: the contact's lines are the user's, the agent's and human
/// operators' the assistant's, consecutive lines of one side joined. `question` is the turn's own lines.
/// Neither they nor customer and metadata show what belongs to a person and the inference hides.
Prompt build_prompt(const Inference& inference, Secret key);
/// The same, where the inference's redaction_of is there already.
Prompt build_prompt(const Inference& inference, Secret key, Redaction redaction);

/// What build_prompt hides of that inference, to restore the model's answer with: whenever it is asked, also
/// after a crash, in another process or in a replay.
Redaction redaction_of(const Inference& inference);

/// What is wrong with an agent's prompt: the names in capitals between braces, as {STORE_NAME}, that nothing
/// is filled in for. Empty where there are none.
std::string prompt_mistake(std::string_view prompt);

}  // namespace relevo
