"""A headless Chromium that looks at pages: it sets the window and the colour scheme, checks that nothing scrolls sideways and no
picture is missing, asks axe-core, and keeps pictures.

Needs Debian's `chromium` and `chromium-driver`, PyPI's `selenium`, and npm's `axe-core` (its file `axe.min.js`).
"""
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

SERIOUS = {"serious", "critical"}
# In seconds. axe-core looks for a long time on a busy machine.
LONGEST_SCRIPT = 300


def follow(driver, element):
    """Clicks on what leads to another page, and waits for that page: the driver may return from a click before a slow answer comes."""
    page = driver.find_element(By.TAG_NAME, "html")
    element.click()
    WebDriverWait(driver, 60).until(staleness_of(page), "the click leads to no other page")


class Browser:
    def __init__(self, axe, shots):
        """`axe` is the text of axe.min.js; pictures go to the folder `shots`, if there is one."""
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-proxy-server"]:
            options.add_argument(argument)
        self.axe, self.shots = axe, shots
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(LONGEST_SCRIPT)
        if shots:
            shots.mkdir(parents=True, exist_ok=True)

    def look(self, url, name, width, dark):
        """Opens a page, checks it, and keeps a picture."""
        def window(height):
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        window(800)
        self.driver.get(url)
        wide, broken, height = self.driver.execute_script(
            "const r = document.documentElement; return [r.scrollWidth, [...document.images].filter(i => !i.naturalWidth).length, r.scrollHeight]")
        assert wide <= width, f"{name}: {wide} pixels wide"
        assert broken == 0, f"{name}: {broken} pictures are not shown"
        window(height)
        if self.shots:
            self.driver.save_screenshot(str(self.shots / f"{name}.png"))
        self.driver.execute_script(self.axe)
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(r => done(r.violations), e => done([{impact: 'critical', help: String(e)}]))")
        serious = [f"{one['id']}: {one['help']} {[node['html'] for node in one.get('nodes', [])][:2]}" for one in found if one["impact"] in SERIOUS]
        assert not serious, f"{name}: {serious}"
