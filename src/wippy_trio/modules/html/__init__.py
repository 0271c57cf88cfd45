"""`html`: policies that take out of HTML what may not stay (modules-data 8)."""

from __future__ import annotations

from wippy_trio.modules.html.policy import AttrBuilder, Policy
from wippy_trio.sdk import LuaModule

__all__ = ["MODULE"]

MODULE = LuaModule(
    "html",
    classes=("security", "deterministic"),
    declares="""
    sanitize: {
      new_policy: () -> (Policy?, Error?),
      ugc_policy: () -> (Policy?, Error?),
      strict_policy: () -> (Policy?, Error?)
    }
    type Policy = {
      allow_elements: (self: Policy, ...string) -> Policy,
      allow_attrs: (self: Policy, ...string) -> AttrBuilder,
      allow_standard_urls: (self: Policy) -> Policy,
      allow_url_schemes: (self: Policy, ...string) -> Policy,
      allow_relative_urls: (self: Policy, allowed: boolean) -> Policy,
      require_parseable_urls: (self: Policy, required: boolean) -> Policy,
      require_nofollow_on_links: (self: Policy, required: boolean) -> Policy,
      require_noreferrer_on_links: (self: Policy, required: boolean) -> Policy,
      add_target_blank_to_fully_qualified_links: (self: Policy, required: boolean)
        -> Policy,
      allow_standard_attributes: (self: Policy) -> Policy,
      allow_images: (self: Policy) -> Policy,
      allow_data_uri_images: (self: Policy) -> Policy,
      allow_lists: (self: Policy) -> Policy,
      allow_tables: (self: Policy) -> Policy,
      sanitize: (self: Policy, text: string) -> string
    }
    type AttrBuilder = {
      matching: (self: AttrBuilder, pattern: string) -> (AttrBuilder?, Error?),
      on_elements: (self: AttrBuilder, ...string) -> Policy,
      globally: (self: AttrBuilder) -> Policy
    }
    """,
)
SANITIZE = MODULE.table("sanitize")
SANITIZE.handle(AttrBuilder)
SANITIZE.handle(Policy)


@SANITIZE.export
def new_policy() -> Policy:
    """Make a policy that lets only text stay."""
    return Policy()


@SANITIZE.export
def ugc_policy() -> Policy:
    """Make a policy for what users write."""
    return Policy.for_users()


@SANITIZE.export
def strict_policy() -> Policy:
    """Make a policy that lets only text stay, to be kept that way."""
    return Policy()
