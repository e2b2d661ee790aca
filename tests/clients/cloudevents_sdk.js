// The CloudEvents SDK for JavaScript: what it makes, posted by fetch, in binary and in structured mode.

const { CloudEvent, HTTP } = require('cloudevents')

const [HOST, KEY, USERS] = process.argv.slice(2)

async function main() {
  for (let number = 0; number < 1000; number++) {
    const event = new CloudEvent({
      type: 'com.example.purchase',
      source: '/shop',
      subject: `${USERS}-${number}`,
      data: { order: number, currency: 'EUR' },
    })
    await send(number % 2 ? HTTP.binary(event) : HTTP.structured(event))
  }
}

async function send({ headers, body }) {
  const answer = await fetch(`${HOST}/events`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${KEY}` },
    body,
    signal: AbortSignal.timeout(10_000),
  })
  if (answer.status !== 202) {
    throw new Error(`${answer.status} ${await answer.text()}`)
  }
  await answer.arrayBuffer()
}

main()
