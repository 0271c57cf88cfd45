"""What the checker knows of the handles."""

from __future__ import annotations

__all__ = ["DECLARES"]

DECLARES = """
    type Node = {
      child: (self: Node, index: integer) -> Node?,
      child_by_field_name: (self: Node, field: string) -> Node?,
      child_count: (self: Node) -> integer,
      descendant_count: (self: Node) -> integer,
      end_byte: (self: Node) -> integer,
      end_point: (self: Node) -> table,
      field_name_for_child: (self: Node, index: integer) -> string?,
      grammar_name: (self: Node) -> string,
      has_error: (self: Node) -> boolean,
      is_error: (self: Node) -> boolean,
      is_extra: (self: Node) -> boolean,
      is_missing: (self: Node) -> boolean,
      is_named: (self: Node) -> boolean,
      kind: (self: Node) -> string,
      named_child: (self: Node, index: integer) -> Node?,
      named_child_count: (self: Node) -> integer,
      named_descendant_for_point_range: (self: Node, start: any, end: any) -> Node?,
      next_named_sibling: (self: Node) -> Node?,
      next_sibling: (self: Node) -> Node?,
      parent: (self: Node) -> Node?,
      prev_named_sibling: (self: Node) -> Node?,
      prev_sibling: (self: Node) -> Node?,
      start_byte: (self: Node) -> integer,
      start_point: (self: Node) -> table,
      text: (self: Node, source: string?) -> (string?, Error?),
      to_sexp: (self: Node) -> string,
      type: (self: Node) -> string
    }
    type Language = {
      field_count: (self: Language) -> integer,
      field_id_for_name: (self: Language, name: string) -> integer?,
      field_name_for_id: (self: Language, id: integer) -> string?,
      id_for_node_kind: (self: Language, kind: string, named: boolean) -> integer?,
      node_kind_count: (self: Language) -> integer,
      node_kind_for_id: (self: Language, id: integer) -> string?,
      node_kind_is_named: (self: Language, id: integer) -> boolean,
      parse_state_count: (self: Language) -> integer,
      version: (self: Language) -> integer
    }
    type Cursor = {
      close: (self: Cursor) -> (),
      copy: (self: Cursor) -> Cursor,
      current_depth: (self: Cursor) -> integer,
      current_descendant_index: (self: Cursor) -> integer,
      current_field_id: (self: Cursor) -> integer,
      current_field_name: (self: Cursor) -> string?,
      current_node: (self: Cursor) -> Node,
      goto_descendant: (self: Cursor, index: integer) -> boolean,
      goto_first_child: (self: Cursor) -> boolean,
      goto_first_child_for_byte: (self: Cursor, byte: integer) -> integer?,
      goto_first_child_for_point: (self: Cursor, place: any) -> integer?,
      goto_last_child: (self: Cursor) -> boolean,
      goto_next_sibling: (self: Cursor) -> boolean,
      goto_parent: (self: Cursor) -> boolean,
      goto_previous_sibling: (self: Cursor) -> boolean,
      reset: (self: Cursor, node: Node) -> (),
      reset_to: (self: Cursor, other: Cursor) -> ()
    }
    type Tree = {
      changed_ranges: (self: Tree, other: Tree) -> {any},
      close: (self: Tree) -> (),
      copy: (self: Tree) -> Tree,
      dot_graph: (self: Tree) -> string,
      edit: (self: Tree, change: any) -> (boolean, Error?),
      included_ranges: (self: Tree) -> {any},
      language: (self: Tree) -> Language,
      root_node: (self: Tree) -> Node,
      root_node_with_offset: (self: Tree, offset: integer, extent: any) -> Node,
      walk: (self: Tree) -> Cursor
    }
    type Query = {
      capture_count: (self: Query) -> integer,
      capture_index_for_name: (self: Query, name: string) -> integer?,
      capture_name_for_id: (self: Query, id: integer) -> string?,
      capture_quantifier: (self: Query, pattern: integer, capture: integer) -> string,
      captures: (self: Query, node: Node, source: string?) -> {any},
      close: (self: Query) -> (),
      did_exceed_match_limit: (self: Query) -> boolean,
      disable_capture: (self: Query, name: string) -> (),
      disable_pattern: (self: Query, index: integer) -> (),
      end_byte_for_pattern: (self: Query, index: integer) -> integer,
      get_match_limit: (self: Query) -> integer,
      get_property_predicates: (self: Query, index: integer) -> {any},
      get_property_settings: (self: Query, index: integer) -> {any},
      get_text_predicates: (self: Query, index: integer) -> {any},
      get_timeout: (self: Query) -> integer,
      is_pattern_guaranteed: (self: Query, offset: integer) -> boolean,
      is_pattern_non_local: (self: Query, index: integer) -> boolean,
      is_pattern_rooted: (self: Query, index: integer) -> boolean,
      matches: (self: Query, node: Node, source: string?) -> {any},
      pattern_count: (self: Query) -> integer,
      set_byte_range: (self: Query, start: integer, end: integer) -> (),
      set_match_limit: (self: Query, limit: integer) -> (),
      set_max_start_depth: (self: Query, depth: integer) -> (),
      set_point_range: (self: Query, start: any, end: any) -> (),
      set_timeout: (self: Query, limit: any) -> (),
      start_byte_for_pattern: (self: Query, index: integer) -> integer,
      string_count: (self: Query) -> integer
    }
    type Parser = {
      close: (self: Parser) -> (),
      get_language: (self: Parser) -> (string?, Error?),
      parse: (self: Parser, code: string, old: Tree?) -> (Tree?, Error?),
      reset: (self: Parser) -> (),
      set_language: (self: Parser, name: string) -> (boolean, Error?),
      set_ranges: (self: Parser, ranges: {any}) -> (boolean, Error?),
      set_timeout: (self: Parser, limit: any) -> ()
    }
"""
