import { useEffect, useEffectEvent, useRef } from 'react'

/** Calls back when the element comes near the window, while that is wanted. */
export function useReached(reached: () => void, wanted: boolean) {
  const element = useRef<HTMLDivElement>(null)
  const onReached = useEffectEvent(reached)
  useEffect(() => {
    if (!wanted || !element.current) return undefined
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) onReached()
      },
      { rootMargin: '600px' },
    )
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [wanted])
  return element
}
