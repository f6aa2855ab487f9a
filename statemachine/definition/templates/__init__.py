"""State machines in CloudFormation and SAM templates: the definitions that a template embeds or refers to.

Rules
- Only what concerns the definition is looked at; the rest of a template is CloudFormation's matter, and nothing in it
  is a finding.
- A finding stands where its author wrote the fault: in the template, also when the definition is a text in it (a block,
  a quoted JSON, the parts of an Fn::Join), or in the file that DefinitionUri names.
- What an intrinsic function gives is not known: a placeholder stands for it (see `definition.placeholders`). What is
  known, such as a literal substitution, is put in.
- A template is as hostile as a definition: read with the same bounds, and without recursion beyond them.
"""

from statemachine.definition.templates.files import read_definition_file
from statemachine.definition.templates.find import find_definitions
from statemachine.definition.templates.model import TemplateDefinition, TemplateDefinitions

__all__ = ["TemplateDefinition", "TemplateDefinitions", "find_definitions", "read_definition_file"]
