// What the tests look at: the text of the page, and what hangs on `window`.
const show = (id, text) => { document.getElementById(id).textContent = text }

show("place", location.pathname)

window.news = []
window.opened = 0

const heard = (data) => {
  const item = document.createElement("li")
  item.textContent = data
  document.getElementById("news").append(item)
  window.news.push(data)
}

window.listen = (name) => {
  const source = new EventSource("/api/events?name=" + name)
  source.onopen = () => { window.opened += 1; show("state", "open") }
  source.onerror = () => show("state", "waiting for a new connection")
  source.addEventListener("news", (event) => heard(event.data))
  source.addEventListener("done", (event) => heard("done " + event.data))
  window.source = source
}

window.enter = (name) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`ws://${location.host}/api/socket?name=${name}`)
  window.socket = socket
  window.received = []
  window.ended = null
  socket.onmessage = (event) => window.received.push(JSON.parse(event.data))
  socket.onclose = (event) => {
    window.ended = { code: event.code, reason: event.reason, clean: event.wasClean }
  }
  socket.onopen = () => resolve(true)
  socket.onerror = () => reject(new Error("refused"))
})

window.ready = true
