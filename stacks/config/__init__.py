"""Settings of a deployment: read from `cdk.json`, overridden from the command line, checked before anything is built.

They are the object under the context key `monthclose`. `-c monthclose-overrides='{"target": "local"}'` merges a JSON
object into it, key by key and at any depth, so that one more provider is one more entry.
"""

from stacks.config.deployment import CONTEXT_KEY, OVERRIDES_KEY, Config
from stacks.config.provider import Provider
from stacks.config.reading import ConfigError
from stacks.config.target import Target

__all__ = ["CONTEXT_KEY", "OVERRIDES_KEY", "Config", "ConfigError", "Provider", "Target"]
