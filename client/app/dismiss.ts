import { useEffect, useRef } from 'react';

/** For a menu beside its button: it closes by Escape, and by a touch anywhere else. */
export function useDismiss(onClose: () => void) {
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const outside = ({ target }: Event): void => {
      if (target instanceof Node && !menu.current?.parentElement?.contains(target)) onClose();
    };
    const escape = ({ key }: KeyboardEvent): void => {
      if (key === 'Escape') onClose();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('keydown', escape);
    };
  }, [onClose]);
  return menu;
}
