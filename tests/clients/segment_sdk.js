// Segment's own SDK for Node.js, told nothing but where the server is and its key.

const { Analytics } = require('@segment/analytics-node')

const [HOST, KEY, USERS] = process.argv.slice(2)

async function main() {
  const analytics = new Analytics({ host: HOST, writeKey: KEY })
  analytics.on('error', (error) => {
    console.error(error)
    process.exitCode = 1
  })

  for (let number = 0; number < 1000; number++) {
    say(analytics, number, `${USERS}-${number}`)
  }

  await analytics.closeAndFlush()
}

function say(analytics, number, userId) {
  const kinds = [
    () => analytics.track({ userId, event: 'Order Completed', properties: { order: number, currency: 'EUR' } }),
    () => analytics.identify({ userId, traits: { plan: 'pro', order: number } }),
    () => analytics.page({ userId, category: 'Docs', name: 'Home', properties: { order: number } }),
    () => analytics.screen({ anonymousId: userId, name: 'Cart', properties: { order: number } }),
    () => analytics.group({ userId, groupId: 'shop', traits: { order: number } }),
    () => analytics.alias({ userId, previousId: `before-${number}` }),
  ]
  kinds[number % kinds.length]()
}

main()
