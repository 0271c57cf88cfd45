-- Core section 8: permissions.

local HOST = "app:processes"
local security, funcs, ctx, events = require("security"), require("funcs"), require("ctx"), require("events")

function child.give(...) return ... end
function child.wait_forever() process.inbox():receive() end

local rules = {}

--- Run `rules[name]` as an actor under a scope of these policies; what it returns.
local function under(policies, name, ...)
    local scope = security.new_scope()
    for _, id in ipairs(policies) do
        scope = scope:with(assert(security.policy(id)))
    end
    local executor = funcs.new():with_actor(security.new_actor("ada")):with_scope(scope)
    local value, err = executor:call("app:call", "rule", name, ...)
    if err then
        error(err:message() .. "\n" .. err:stack(), 2)
    end
    return value
end
function child.rule(name, ...) return rules[name](...) end

local denied = errors.PERMISSION_DENIED
local function deny(text, ...)
    local e = fails(denied, "", ...)
    eq(e:message(), text)
    eq(e:retryable(), false)
end

check("PERM-0b", "without actor or scope everything is allowed, but security.can is false", function()
    eq(process.send(process.pid(), "t"), true)
    eq(security.can("anything", "x"), false)
    local r = funcs.new():with_actor(security.new_actor("ada")):call("app:call", "rule", "actor_only")
    eq(r, true)
end)
function rules.actor_only()
    eq(security.can("x", "y"), false)
    return (process.send(process.pid(), "t"))
end

check("PERM-0a", "both present: only an allow of the scope allows, one deny beats it", function()
    eq(under({}, "may_send"), false)
    eq(under({ "app:allow_all" }, "may_send"), true)
    eq(under({ "app:allow_all", "app:deny_send" }, "may_send"), false)
    eq(under({ "app:deny_send", "app:allow_all" }, "may_send"), false)
end)
function rules.may_send()
    local ok, e = process.send(process.pid(), "t")
    if e then eq(e:kind(), denied) end
    return ok == true
end

check("PERM-0", "process actions carry the caller's pid", function()
    eq(under({ "app:pid_needed" }, "may_send"), true)
end)

check("PERM-0d", "the identity of the frame that calls is asked", function()
    -- nobody may call a function under an empty scope that would deny everything
    local executor = funcs.new():with_actor(security.new_actor("ada")):with_scope(security.new_scope())
    eq(executor:call("app:call", "give", 1), 1)
    local pid, e = process.with_context({}):with_actor(security.new_actor("ada")):with_scope(security.new_scope())
        :spawn_monitored("app:run", HOST, "give", 2)
    eq(e, nil)
    eq(exit_of(pid).result.value, 2)
end)

check("PERM-1a S-12", "spawn", function()
    under({ "app:allow_all", "app:deny_spawn" }, "spawn_denied")
    under({ "app:allow_all", "app:deny_host" }, "host_denied")
end)
function rules.spawn_denied()
    for _, name in ipairs({ "spawn", "spawn_monitored", "spawn_linked", "spawn_linked_monitored" }) do
        deny("not allowed to spawn process: app:run", process[name]("app:run", HOST, "give"))
    end
end
function rules.host_denied()
    for _, name in ipairs({ "spawn", "spawn_monitored", "spawn_linked", "spawn_linked_monitored" }) do
        deny("not allowed to spawn on host: app:processes", process[name]("app:run", HOST, "give")) -- S-13
    end
    deny("not allowed to exec on host: app:processes", process.exec("app:run", HOST, "give"))
end

check("PERM-1b PERM-1c PERM-1d", "monitored and linked spawns", function()
    under({ "app:allow_all", "app:deny_monitored" }, "monitored_denied")
    under({ "app:allow_all", "app:deny_linked" }, "linked_denied")
end)
function rules.monitored_denied()
    deny("not allowed to spawn monitored process: app:run", process.spawn_monitored("app:run", HOST, "give"))
    deny("not allowed to spawn monitored process: app:run", process.spawn_linked_monitored("app:run", HOST, "give"))
    eq(type(process.spawn("app:run", HOST, "give")), "string")
    eq(type(process.spawn_linked("app:run", HOST, "give")), "string")
end
function rules.linked_denied()
    deny("not allowed to spawn linked process: app:run", process.spawn_linked("app:run", HOST, "give"))
    deny("not allowed to spawn linked process: app:run", process.spawn_linked_monitored("app:run", HOST, "give"))
    eq(type(process.spawn_monitored("app:run", HOST, "give")), "string")
end

check("PERM-1e", "exec", function()
    under({ "app:allow_all", "app:deny_exec" }, "exec_denied")
end)
function rules.exec_denied()
    deny("not allowed to exec process: app:run", process.exec("app:run", HOST, "give"))
    -- validation comes first (P-91)
    fails(errors.INVALID, "process ID required", process.exec("", HOST))
end

check("PERM-1f S-38", "builder spawns raise", function()
    under({ "app:allow_all", "app:deny_spawn" }, "builder_denied")
    under({ "app:allow_all", "app:deny_exec" }, "builder_exec_denied")
end)
function rules.builder_denied()
    local s = process.with_options({})
    raises("not allowed to spawn process: app:run", s.spawn, s, "app:run", HOST)
    raises("not allowed to spawn process: app:run", s.spawn_linked, s, "app:run", HOST)
end
function rules.builder_exec_denied()
    local s = process.with_options({})
    raises("not allowed to exec process: app:run", s.exec, s, "app:run", HOST)
end

check("PERM-2 N-4", "verbs about another process", function()
    local pid = start("wait_forever")
    process.registry.register("perm2", pid)
    under({ "app:allow_all", "app:deny_verbs" }, "verbs_denied", pid)
end)
function rules.verbs_denied(pid)
    for _, verb in ipairs({ "terminate", "cancel", "monitor", "unmonitor", "link", "unlink" }) do
        deny("not allowed to " .. verb .. ": " .. pid, process[verb](pid))
        deny("not allowed to " .. verb .. ": perm2", process[verb]("perm2"))
        fails(errors.NOT_FOUND, "could not resolve", process[verb]("nobody")) -- resolution comes first
    end
    deny("not allowed to send: " .. pid, process.send(pid, "t"))
    deny("not allowed to send: perm2", process.send("perm2", "t"))
    fails(errors.INVALID, "cannot send to @ topics", process.send(pid, "@t"))
end

check("PERM-3", "register", function()
    under({ "app:allow_all", "app:deny_register" }, "register_denied")
    under({ "app:allow_all", "app:deny_foreign" }, "foreign_denied", start("wait_forever"))
end)
function rules.register_denied()
    local registry = process.registry
    deny("not allowed to register name: n", registry.register("n"))
    deny("not allowed to register name (eventual): n", registry.register("n", nil, registry.EVENTUAL))
    deny("not allowed to register name (consistent): n", registry.register("n", nil, registry.CONSISTENT))
    deny("not allowed to register name (strong): n", registry.register("n", nil, registry.STRONG))
end
function rules.foreign_denied(pid)
    deny('not allowed to register foreign pid ' .. pid .. ' under name "f"', process.registry.register("f", pid))
    eq(process.registry.register("f"), true)
    eq(process.registry.register("f", process.pid()), true)
end

check("PERM-4", "unregister", function()
    process.registry.register("perm4")
    under({ "app:allow_all", "app:deny_unregister" }, "unregister_denied")
    eq(process.registry.lookup("perm4"), process.pid())
end)
function rules.unregister_denied()
    deny("not allowed to unregister name: perm4", process.registry.unregister("perm4"))
end

check("PERM-5", "calls without a check", function()
    under({}, "unchecked")
end)
function rules.unchecked()
    fails(errors.NOT_FOUND, "name not registered", process.registry.lookup("nothing"))
    eq(type(process.pid()), "string")
    eq(process.id(), "app:call")
    local inbox, ch = process.inbox(), process.listen("t")
    eq(type(process.events()), "userdata")
    eq(process.unlisten(ch), true)
    eq(process.set_options({ trap_links = true }), true)
    eq(process.get_options().trap_links, true)
    assert(inbox)
end

check("PERM-6 S-39", "with_context and with_options", function()
    under({ "app:allow_all", "app:deny_context" }, "context_denied")
end)
function rules.context_denied()
    raises("not allowed to spawn processes with custom context", process.with_context, {})
    raises("not allowed to spawn processes with custom options", process.with_options, {})
end

check("PERM-7 S-33", "identities of a builder", function()
    under({ "app:allow_all", "app:deny_process_security" }, "identity_denied")
end)
function rules.identity_denied()
    local s = process.with_context({ a = 1 })
    raises("not allowed to spawn processes with custom security context", s.with_actor, s, security.actor())
    raises("not allowed to spawn processes with custom security context", s.with_scope, s, security.scope())
    raises("not allowed to spawn processes with custom security context", s.with_context, s, {})
end

check("PERM-8 S-35", "networks", function()
    under({ "app:allow_all", "app:deny_network" }, "network_denied")
end)
function rules.network_denied()
    raises("not allowed: network app:net", process.with_options, { network = "app:net" })
    local r = pack(funcs.new():with_options({ network = "app:net" }))
    eq(r[1], nil)
    eq(r[2]:kind(), denied)
end

check("PERM-9 F-3", "function calls", function()
    under({ "app:allow_all", "app:deny_call" }, "call_denied")
end)
function rules.call_denied()
    deny("not allowed: app:call", funcs.call("app:call", "give"))
    deny("not allowed: app:call", funcs.async("app:call", "give"))
    deny("not allowed: app:call", funcs.new():call("app:call", "give"))
    deny("not allowed: app:unknown", funcs.new():async("app:unknown", "give"))
    fails(errors.INVALID, "function ID required", funcs.call(""))
end

check("PERM-10 PERM-11 F-31", "executors give pairs", function()
    under({ "app:allow_all", "app:deny_funcs_context", "app:deny_funcs_security" }, "executor_denied")
end)
function rules.executor_denied()
    local e = funcs.new()
    deny("not allowed to call functions with custom context", e:with_context({}))
    deny("not allowed to call functions with custom security context", e:with_actor(security.actor()))
    deny("not allowed to call functions with custom security context", e:with_scope(security.scope()))
    eq(type(e:with_options({})), "userdata")
end

check("PERM-12 EV-4", "events are refused as INVALID", function()
    under({ "app:allow_all", "app:deny_events" }, "events_denied")
end)
function rules.events_denied()
    local e = fails(errors.INVALID, "", events.subscribe("shop"))
    eq(e:message(), "not allowed to subscribe to events from system: shop")
    e = fails(errors.INVALID, "", events.send("shop", "k", "p"))
    has(e:message(), "system: shop")
    has(e:message(), "not allowed to send")
end

check("S-20", "actor and scope are inherited", function()
    eq(under({ "app:allow_all", "app:deny_send" }, "inherit"), "denied denied denied")
end)
function rules.inherit()
    local a = process.exec("app:run", HOST, "rule", "may_send")
    local b = funcs.call("app:call", "rule", "may_send")
    local c = ending("rule", "may_send").value
    local function word(v) return v == false and "denied" or "allowed" end
    return word(a) .. " " .. word(b) .. " " .. word(c)
end

check("S-33", "with_context of a builder with an identity, allowed", function()
    eq(under({ "app:allow_all" }, "identity_allowed"), "two")
end)
function rules.identity_allowed()
    local s = process.with_context({ k = "one" }):with_context({ k = "two" })
    return s:exec("app:run", HOST, "rule", "read_k")
end
function rules.read_k() return (ctx.get("k")) end
